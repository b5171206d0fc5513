#pragma once
// What tests of clocks ask for: the events of an agent, and the command `hedgerow clock`.

#include <string>

#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {

inline agent::condition clock_is(const std::string& status) {
  return [status](const json& told) { return told["status"] == status; };
}
inline agent::condition state_is(const std::string& state) {
  return [state](const json& told) { return told["state"] == state; };
}

inline outcome look(const std::string& clock) {
  return run_command({"clock", "--json", "--clock", clock});
}
inline bool becomes(const std::string& clock, const std::string& status, milliseconds patience) {
  return wait_for([&] { return look(clock).object()["status"] == status; }, patience);
}

}  // namespace hedgerow::system_test
