#pragma once
// UTC with an error that the operator vouches for: CLOCK_REALTIME plus and minus it.
//
// Nothing measures the error, so this is only ever asked for. What can be seen is seen: when the
// wall clock moves against boot time by more than the error, no reading is trusted until it has
// kept still for 30 s. Boot time counts sleep, so a machine that slept is trusted at once if its
// wall clock came back right. Each start trusts the clock as it finds it.

#include <string>

#include "clock/step_detector.h"
#include "ports/clock.h"

namespace hedgerow::clock {

class declared_clock final : public ports::clock {
 public:
  // The error is at least 1 us.
  explicit declared_clock(nanoseconds error, clock_function gettime = &::clock_gettime);

  // Thread-safe and lock-free; two vDSO calls.
  reading now() noexcept override;
  ports::precise_time precise() noexcept override;

  std::string_view scale() const noexcept override { return "utc"; }
  std::string epoch() const override { return {}; }
  std::string_view source() const noexcept override { return "declared"; }
  std::string trouble() const override;

 private:
  struct look {
    clock_reads at;  // mono_ns is boot time
    bool steady = false;
  };
  look read() const noexcept;

  const clock_function gettime_;
  const nanoseconds error_;
  mutable step_detector steps_;
};

}  // namespace hedgerow::clock
