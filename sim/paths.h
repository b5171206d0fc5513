#pragma once
// Which hosts hear which, and when a pair was last disturbed: by a cut, a break, a slow message or
// anything else that could cost a probe. The evictions checker asks here who was healthy.

#include <algorithm>
#include <vector>

#include "sim/event.h"

namespace hedgerow::sim {

class paths {
 public:
  explicit paths(std::uint32_t slots) : slots_(slots), pairs_(slots * slots) {}

  // One way. Cuts add up: a path is open when all of its cuts have ended.
  void cut(std::uint32_t from, std::uint32_t to, true_time now) {
    auto& p = at(from, to);
    if (p.cuts++ == 0) p.cut_since = now;
    disturb(from, to, now);
  }
  // Returns whether the path is open now.
  bool mend(std::uint32_t from, std::uint32_t to, true_time now) {
    auto& p = at(from, to);
    disturb(from, to, now);
    return --p.cuts == 0;
  }
  bool open(std::uint32_t from, std::uint32_t to) const { return at(from, to).cuts == 0; }
  true_time cut_since(std::uint32_t from, std::uint32_t to) const { return at(from, to).cut_since; }

  // Until `until`, what passes between the two proves nothing.
  void disturb(std::uint32_t a, std::uint32_t b, true_time until) {
    at(a, b).disturbed = std::max(at(a, b).disturbed, until);
    at(b, a).disturbed = std::max(at(b, a).disturbed, until);
  }
  // Two ways, prompt, and without a break since then.
  bool clean_since(std::uint32_t a, std::uint32_t b, true_time since) const {
    return a == b || (open(a, b) && open(b, a) && at(a, b).disturbed < since);
  }
  // Cut in one way or the other for all that time.
  bool dead_since(std::uint32_t a, std::uint32_t b, true_time since) const {
    const bool there = !open(a, b) && cut_since(a, b) <= since;
    const bool back = !open(b, a) && cut_since(b, a) <= since;
    return a != b && (there || back);
  }

 private:
  struct path {
    int cuts = 0;
    true_time cut_since = 0;
    true_time disturbed = -1;
  };
  path& at(std::uint32_t from, std::uint32_t to) { return pairs_[from * slots_ + to]; }
  const path& at(std::uint32_t from, std::uint32_t to) const { return pairs_[from * slots_ + to]; }

  std::uint32_t slots_;
  std::vector<path> pairs_;
};

}  // namespace hedgerow::sim
