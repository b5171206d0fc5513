#pragma once
// The knobs of the lease core.

#include <algorithm>

#include "model/time.h"

namespace hedgerow::core {

struct lease_options {
  microseconds lease{3'000'000};  // L; at most the group's LMAX (R4)
  // Readings with a wider interval are not trusted (R1).
  microseconds max_error{100'000};
  // Rank r among the members waits r of these before it takes, so that normally one tries.
  nanoseconds rank_step = milliseconds{10};
  // While the lease is held, the clock is looked at this often, so that a loss of trust is told
  // within it. 0: only when something else is due; for clocks that are always trusted.
  nanoseconds clock_watch{};
  // A leader that stepped down by C5 stands back for this long.
  nanoseconds stand_back = milliseconds{2000};
  // While it is wanted and not held, what is known of the row is never older than this; zero: it is
  // looked at only when somebody says so. For candidates that hear nothing of the holder.
  nanoseconds poll_period{0};
  // For rows that share their connection with others: a long lease must not keep it from short
  // ones.
  nanoseconds attempt_patience_max = nanoseconds::max();
  // Wanted only when told so (lease::want), and for one tenure: not any more once that is over.
  bool on_demand = false;

  // Four renewals fit in a lease, so three may fail.
  microseconds renew_period() const { return lease / 4; }
  // Stop acting this long before E: robustness of announcements, not needed for safety (R1).
  microseconds margin() const {
    return std::clamp(lease / 10, microseconds{2'000}, microseconds{50'000});
  }
  nanoseconds attempt_patience() const {
    return std::min<nanoseconds>(lease / 5, attempt_patience_max);
  }
};

// How often a clock that is not trusted is looked at again.
inline constexpr nanoseconds clock_retry = milliseconds{100};

}  // namespace hedgerow::core
