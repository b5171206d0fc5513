#pragma once
// The knobs of the membership core. The reference's numbers are for 10,000 members; these are for
// hundreds (DESIGN 5).

#include "model/limits.h"
#include "model/time.h"

namespace hedgerow::core {

struct membership_options {
  nanoseconds probe_period = milliseconds{300};  // D2; also of beats and reports (D4)
  int missed_probes_max = 3;                     // D2: this many in a row are silence
  int window = 10;                               // D2: or window_misses_max of the last `window`
  int window_misses_max = 4;
  int clean_probes = 10;                      // D2: hysteresis, before an edge is up again
  int observers_max = 10;                     // D1: K
  nanoseconds hold = milliseconds{200};       // C2: the condemned set must stand this long
  nanoseconds hold_max = milliseconds{1200};  // C2: but no longer than this
  double condemn_at = 0.9;                    // C1
  double doubt_at = 0.3;                      // C3
  int helpers = 5;                            // C3
  nanoseconds doubt_patience = milliseconds{2000};
  double guard_share = 1.0 / 3.0;  // C4
  nanoseconds guard_window = seconds{60};
  nanoseconds join_patience = milliseconds{2000};  // J1: observers must reach a joiner in this
  nanoseconds join_retry = milliseconds{250};
  nanoseconds rejoin_delay_max = seconds{30};

  // Three periods without a word are silence, of a subject and of an observer alike.
  nanoseconds silence() const { return missed_probes_max * probe_period; }
  // J1: newcomers don't vouch for each other. With fewer observers all that join at once could have
  // none but each other, and be turned out together, again and again.
  constexpr bool members_vouch() const {
    return observers_max > static_cast<int>(limits::joining_max);
  }
};

static_assert(membership_options{}.members_vouch());

}  // namespace hedgerow::core
