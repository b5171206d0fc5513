#pragma once
// A wall clock of its own for a process, which can be stepped: that of chaos/clock_shim.cc.

#include <chrono>
#include <filesystem>
#include <utility>

#include "tests/system/harness/process.h"

namespace hedgerow::system_test {

class wall_clock {
 public:
  // A process with a sanitizer can't be given one: the sanitizer must be loaded first.
  static constexpr bool available = !sanitized;

  // Right, until it is set. `file` is made.
  explicit wall_clock(std::filesystem::path file) : file_{std::move(file)} { set({}); }

  // Ahead of the machine's by so much from now on.
  void set(std::chrono::nanoseconds ahead) const;
  process_setup give_to(process_setup with) const;

 private:
  std::filesystem::path file_;
};

}  // namespace hedgerow::system_test
