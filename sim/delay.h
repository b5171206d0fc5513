#pragma once
// Delays from a range, and chances in parts per million: integers only, the same in every build.

#include "base/random.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

inline bool chance_ppm(base::random& r, std::int64_t per_million) {
  return per_million > 0 && static_cast<std::int64_t>(r.below(1'000'000)) < per_million;
}

struct drawn_delay {
  true_time length = 0;
  bool spiked = false;
};

inline drawn_delay draw_delay(base::random& r, const delay_range& range) {
  if (chance_ppm(r, range.spikes) && range.spike > range.most)
    return {r.between(range.most, range.spike), true};
  return {r.between(range.least, range.most), false};
}

// How late a timer rings; below 0: early, as ports/timers.h allows. Often by all of its resolution:
// an engine then waits again for the very instant that it had asked for.
inline drawn_delay draw_timer(base::random& r, const delay_range& range, std::int64_t early) {
  constexpr true_time resolution = millisecond;
  if (!chance_ppm(r, early)) return draw_delay(r, range);
  return {r.chance(0.5) ? -resolution : -r.between(0, resolution), false};
}

}  // namespace hedgerow::sim
