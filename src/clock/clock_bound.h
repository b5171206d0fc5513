#pragma once
// By how much CLOCK_REALTIME may be wrong, as a source of bounded time says it, and the interval of
// true time that follows from it. Pure: time is an argument.
//
// Every UTC source reduces to a `clock_bound`. `interval_at` is the arithmetic of ClockBound's own
// client for layouts 1 and 2 (clockbound 1.7), made safer where that one errs (clockbound 1.8): the
// age counts one coarse tick more, growth is rounded up, sums saturate, a bound below 1 us is not
// believed, and an `as_of` that is ahead by up to one tick is a coarse clock that lags, by more a
// breach of causality.

#include <cstdint>

#include "clock/system_clocks.h"
#include "model/time.h"

namespace hedgerow::clock {

// Why there is no bound, or why it is not to be trusted. `detail` of the same object says more.
enum class bound_fault : std::uint8_t {
  none,
  pending,        // the source was not heard of yet
  as_told,        // the source itself says unknown or disrupted
  future,         // as_of lies ahead of the clock on which it was taken
  expired,        // void_after has passed
  stepped,        // CLOCK_REALTIME was stepped, or the machine slept, after the bound was measured
  hung,           // reading the source has not come back for a second
  missing,        // there is no such file
  unreadable,     // detail: errno
  too_short,      // detail: bytes
  not_a_segment,  // wrong magic
  not_initialized,  // version or generation 0: no daemon has written yet
  version,          // detail: the version
  malformed,        // detail: byte offset of the field
  being_written,    // the writer never rests, or stopped in the middle
  vmclock_closed,   // detail: errno
  vmclock_malformed,
  vmclock_busy,     // its sequence is odd, or changes all the time
  vmclock_changed,  // the machine was migrated or restored
  no_answer,        // detail: errno
  answer_refused,   // detail: chronyd's status
  answer_malformed,
  not_synchronized,   // chronyd follows nobody
  local_reference,    // chronyd follows its own clock
  never_synchronized  // it runs freely and was not seen synchronized before
};

struct clock_bound {
  std::int64_t as_of_ns = 0;       // CLOCK_MONOTONIC_COARSE just before the bound was determined
  std::int64_t void_after_ns = 0;  // the same clock; says nothing from then on
  // The same clock: what happened to CLOCK_REALTIME before this is in the bound. At most as_of_ns;
  // never_measured: not known.
  std::int64_t measured_ns = 0;
  std::int64_t bound_ns = 0;            // of CLOCK_REALTIME at as_of_ns
  std::uint64_t disruption_marker = 0;  // the VMClock's, when ask_vmclock
  std::uint32_t max_drift_ppb = 0;      // growth of the bound from as_of_ns on
  std::int32_t detail = 0;
  clock_status status = clock_status::unknown;
  bound_fault fault = bound_fault::pending;
  bool ask_vmclock = false;
  std::uint8_t reserved[5] = {};  // whole words: see snapshot_cell.h

  bool usable() const { return fault == bound_fault::none; }
};

constexpr clock_bound no_bound(bound_fault why, std::int32_t detail = 0) {
  clock_bound none;
  none.fault = why;
  none.detail = detail;
  return none;
}

struct bounded_interval {
  std::int64_t earliest_ns = 0;  // CLOCK_REALTIME's scale
  std::int64_t latest_ns = 0;
  std::int64_t bound_ns = 0;  // half the width
  std::int64_t age_ns = 0;    // of the bound, the tick included
  clock_status status = clock_status::unknown;
  bound_fault fault = bound_fault::none;  // why the status is not trusted
  std::int32_t detail = 0;

  bool trusted() const {
    return status == clock_status::synchronized || status == clock_status::free_running;
  }
};

// Later than no step that was noticed, earlier than all.
inline constexpr std::int64_t never_measured = INT64_MIN + 1;
// A bound that is synchronized decays to free_running so long after as_of.
inline constexpr std::int64_t free_running_after_ns = 5'000'000'000;
// What is larger is a mistake, not an error of a clock.
inline constexpr std::int64_t bound_max_ns = 10'000'000'000;
inline constexpr std::int64_t bound_floor_ns = 1'000;

// Rates are in parts per billion; rounded up. Requires: elapsed_ns >= 0.
std::int64_t growth_ns(std::int64_t elapsed_ns, std::uint32_t rate_ppb) noexcept;

// `bound` was copied before the clocks were read; `tick_ns` as of coarse_tick_ns(). Knows nothing
// of steps and of the VMClock: see bounded_clock.h.
bounded_interval interval_at(const clock_bound& bound, const clock_reads& at,
                             std::int64_t tick_ns) noexcept;

// In whole microseconds, rounded outwards.
bounded_time to_bounded_time(const bounded_interval& from) noexcept;

}  // namespace hedgerow::clock
