#include "clock/step_detector.h"

#include <algorithm>

namespace hedgerow::clock {

step_detector::step_detector(clock_function gettime, clockid_t steady, std::int64_t tick_ns,
                             std::int64_t slack_ns)
    : gettime_(gettime), steady_(steady), tick_ns_(tick_ns), slack_ns_(slack_ns) {
  const range now = offset_now();
  offset_ns_.store(now.low + (now.high - now.low) / 2, std::memory_order_relaxed);
}

// One look between two others; again if this thread was preempted among them.
step_detector::range step_detector::offset_now() const noexcept {
  const std::int64_t good_enough = slack_ns_ / 10;
  range best;
  for (int tries = 0; tries < 8; ++tries) {
    const std::int64_t before = read_ns(gettime_, steady_);
    const std::int64_t real = read_ns(gettime_, CLOCK_REALTIME);
    const std::int64_t after = read_ns(gettime_, steady_);
    const range seen{real - after, real - before};
    if (tries == 0 || seen.high - seen.low < best.high - best.low) best = seen;
    if (best.high - best.low <= good_enough) break;
  }
  return best;
}

void step_detector::measure() noexcept {
  std::int64_t known = offset_ns_.load(std::memory_order_acquire);
  const range now = offset_now();
  if (now.low <= known + slack_ns_ && now.high >= known - slack_ns_) return;
  const std::int64_t by = read_ns(gettime_, steady_);
  std::int64_t noticed = noticed_ns_.load(std::memory_order_relaxed);
  while (noticed < by &&
         !noticed_ns_.compare_exchange_weak(noticed, by, std::memory_order_relaxed)) {
  }
  // Another thread that was faster has noticed the same step; if it was another, the next look
  // will.
  offset_ns_.compare_exchange_strong(known, now.low + (now.high - now.low) / 2,
                                     std::memory_order_release);
}

}  // namespace hedgerow::clock
