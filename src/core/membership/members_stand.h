#pragma once
// Members and views for tests of membership, by number.

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <hedgerow/member.h>

#include "model/time.h"

namespace hedgerow::core {

inline incarnation life(std::uint64_t n) {
  return {n, n};
}

inline member member_of(std::uint64_t n, member_state state = member_state::up) {
  const std::string name = "m" + std::to_string(n);
  return {name, name + ":1", life(n), state, member_health::alive, {}, {}};
}

inline view_ptr view_of(view_id id, const std::vector<std::uint64_t>& members) {
  view v{id, {}, {}};
  for (const auto n : members)
    v.members.push_back(member_of(n));
  return std::make_shared<const view>(std::move(v));
}

inline boot_time at(nanoseconds since_start) {
  return boot_time{1'000'000'000'000} + since_start;
}

}  // namespace hedgerow::core
