#pragma once
// Notices that CLOCK_REALTIME was stepped, or that the machine slept (clockbound 1.8), by comparing
// it with a clock that is not.
//
// CLOCK_REALTIME minus CLOCK_MONOTONIC is constant but for steps and sleep: the kernel slews both
// alike, and CLOCK_MONOTONIC stands still in sleep. So any change is news, whatever the bound: a
// step that a bound of 50 ms would hide makes that bound wrong all the same. Only steps below the
// slack go unnoticed. A reading itself tells a step backwards, and one forwards by more than a tick
// of the coarse clock; `measure` tells all.

#include <atomic>
#include <cstdint>

#include "clock/system_clocks.h"

namespace hedgerow::clock {

class step_detector {
 public:
  // `steady` is the clock to compare with. The steady clock of readings may lag by up to tick_ns.
  step_detector(clock_function gettime, clockid_t steady, std::int64_t tick_ns,
                std::int64_t slack_ns);

  // The moment of the steady clock by which the newest step was noticed; INT64_MIN if none was.
  // What was known before says nothing any more. Thread-safe; lock-free, and a few nanoseconds as
  // long as nothing looks like a step.
  std::int64_t last_step(std::int64_t real_ns, std::int64_t steady_ns) noexcept {
    const std::int64_t moved = real_ns - steady_ns - offset_ns_.load(std::memory_order_acquire);
    // A coarse clock lags by up to a tick; a thread that is preempted between its two looks at the
    // clocks sees an offset too small, so what looks like a step is measured.
    if (moved < -slack_ns_ || moved > tick_ns_ + slack_ns_) [[unlikely]]
      measure();
    return noticed_ns_.load(std::memory_order_relaxed);
  }

  // Looks for a step, to the precision of the slack. Thread-safe, some 100 ns.
  void measure() noexcept;

 private:
  struct range {
    std::int64_t low = INT64_MIN;
    std::int64_t high = INT64_MAX;
  };
  range offset_now() const noexcept;

  const clock_function gettime_;
  const clockid_t steady_;
  const std::int64_t tick_ns_;
  const std::int64_t slack_ns_;
  std::atomic<std::int64_t> offset_ns_{0};
  std::atomic<std::int64_t> noticed_ns_{INT64_MIN};  // stored before offset_ns_ moves
};

}  // namespace hedgerow::clock
