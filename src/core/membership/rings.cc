#include "core/membership/rings.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/random.h"

namespace hedgerow::core {
namespace {

enum class wish : std::uint8_t { any, other_zone, own_zone };

wish wish_of_ring(int ring) {
  if (ring < 3) return wish::other_zone;
  return ring == 3 ? wish::own_zone : wish::any;
}

// One ring: the members in its order, and each member's place there.
struct ring_order {
  std::vector<std::uint32_t> order;
  std::vector<std::uint32_t> place;

  ring_order(const view& v, std::uint64_t ring) : order(v.members.size()), place(order.size()) {
    const auto key = [&](std::uint32_t i) {
      const auto& id = v.members[i].incarnation;
      return std::pair{base::mix(id.high ^ base::mix(id.low + ring)), id};
    };
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
    for (std::uint32_t i = 0; i < order.size(); ++i)
      place[order[i]] = i;
  }

  // The first successor of `subject` that `fits`, or `subject` itself.
  template <class Fits>
  std::uint32_t successor(std::uint32_t subject, Fits fits) const {
    for (std::size_t step = 1; step < order.size(); ++step) {
      const std::uint32_t candidate = order[(place[subject] + step) % order.size()];
      if (fits(candidate)) return candidate;
    }
    return subject;
  }
};

}  // namespace

rings::rings(const view& v, int observers_max)
    : observers_(v.members.size()), subjects_(v.members.size()) {
  const int n = static_cast<int>(v.members.size());
  const int k = std::min(observers_max, n - 1);
  for (int r = 0; r < k; ++r) {
    const ring_order ring(v, static_cast<std::uint64_t>(r));
    for (std::uint32_t s = 0; s < observers_.size(); ++s) {
      auto& taken = observers_[s];
      const auto free = [&](std::uint32_t c) {
        return std::find(taken.begin(), taken.end(), c) == taken.end();
      };
      const wish w = wish_of_ring(r);
      std::uint32_t chosen = s;
      if (w != wish::any) {
        chosen = ring.successor(s, [&](std::uint32_t c) {
          return free(c) && (v.members[c].zone == v.members[s].zone) == (w == wish::own_zone);
        });
      }
      if (chosen == s) chosen = ring.successor(s, free);
      if (chosen != s) taken.push_back(chosen);
    }
  }
  for (std::uint32_t s = 0; s < observers_.size(); ++s) {
    for (const auto o : observers_[s])
      subjects_[o].push_back(s);
  }
}

}  // namespace hedgerow::core
