#pragma once
// A process that tells events: `hedgerow agent --json` or `hedgerow watch --json`.

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/system/harness/process.h"

namespace hedgerow::system_test {

using nlohmann::json;

struct event {
  steady_clock::time_point at;  // of arrival
  json body;
};

// For the test's thread only. Pointers to events, and into them, stay good as long as the agent.
class agent {
 public:
  using condition = std::function<bool(const json&)>;

  agent(std::string name, process_setup with) : name_{std::move(name)}, process_{std::move(with)} {}

  const std::string& name() const { return name_; }
  process& itself() { return process_; }

  const std::deque<event>& events();
  std::size_t count() { return events().size(); }

  // The first event of this kind, from the one with number `from`, for which `holds`; null if none.
  const event* first(const std::string& kind, const condition& holds = any, std::size_t from = 0);
  // Waits for it; null when the time is over.
  const event* await(const std::string& kind, const condition& holds, milliseconds patience,
                     std::size_t from = 0);
  // Null if there is none yet.
  const json* latest(const std::string& kind);

  std::vector<std::string> members();  // names, in the latest view
  std::pair<std::int64_t, std::int64_t> view_id();
  bool all_up();  // nobody in the latest view is joining or leaving
  bool leads();
  std::string address();  // empty before `ready`
  std::string incarnation();

  static bool any(const json&) { return true; }
  static bool leading(const json& body) { return body["leading"]; }
  static condition without(std::string name);  // for views

 private:
  std::string name_;
  process process_;
  std::deque<event> events_;  // grows without moving what is in it
};

}  // namespace hedgerow::system_test
