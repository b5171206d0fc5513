#include "tests/system/harness/agent.h"

#include <algorithm>

namespace hedgerow::system_test {

const std::deque<event>& agent::events() {
  for (line& fresh : process_.lines(events_.size()))
    events_.push_back({fresh.at, json::parse(fresh.text)});
  return events_;
}

const event* agent::first(const std::string& kind, const condition& holds, std::size_t from) {
  const auto& all = events();
  const auto found =
      std::find_if(all.begin() + static_cast<std::ptrdiff_t>(std::min(from, all.size())), all.end(),
                   [&](const event& e) { return e.body["event"] == kind && holds(e.body); });
  return found == all.end() ? nullptr : &*found;
}

const event* agent::await(const std::string& kind, const condition& holds, milliseconds patience,
                          std::size_t from) {
  wait_for([&] { return first(kind, holds, from) != nullptr; }, patience);
  return first(kind, holds, from);
}

const json* agent::latest(const std::string& kind) {
  const auto& all = events();
  const auto found = std::find_if(all.rbegin(), all.rend(),
                                  [&](const event& e) { return e.body["event"] == kind; });
  return found == all.rend() ? nullptr : &found->body;
}

std::vector<std::string> agent::members() {
  std::vector<std::string> names;
  if (const json* view = latest("view")) {
    for (const json& m : (*view)["members"])
      names.push_back(m["name"]);
  }
  return names;
}

std::pair<std::int64_t, std::int64_t> agent::view_id() {
  const json* view = latest("view");
  if (view == nullptr) return {};
  return {(*view)["token"], (*view)["sequence"]};
}

bool agent::all_up() {
  const json* view = latest("view");
  if (view == nullptr) return false;
  const auto& members = (*view)["members"];
  return std::all_of(members.begin(), members.end(),
                     [](const json& m) { return m["state"] == "up"; });
}

bool agent::leads() {
  const json* told = latest("leadership");
  return told != nullptr && (*told)["leading"];
}

std::string agent::address() {
  const json* told = latest("ready");
  return told == nullptr ? "" : (*told)["address"];
}

std::string agent::incarnation() {
  const json* told = latest("ready");
  return told == nullptr ? "" : (*told)["incarnation"];
}

agent::condition agent::without(std::string name) {
  return [name = std::move(name)](const json& view) {
    const auto& members = view["members"];
    return std::none_of(members.begin(), members.end(),
                        [&](const json& m) { return m["name"] == name; });
  };
}

}  // namespace hedgerow::system_test
