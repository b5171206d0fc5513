#pragma once
// Where bounds come from: ClockBound's segment, chronyd, or whichever of them is there.

#include <string>
#include <string_view>

#include "clock/clock_bound.h"

namespace hedgerow::clock {

class bound_source {
 public:
  virtual ~bound_source() = default;

  // The newest bound, or why there is none. Thread-safe; some microseconds, never waits for another
  // process, allocates nothing. Called about every 10 ms while somebody asks for the time.
  virtual clock_bound read() noexcept = 0;

  // Only for bounds with ask_vmclock, after the clocks were read: whether the machine is still the
  // one on which the bound was determined. Thread-safe, lock-free, nanoseconds.
  virtual bound_fault check_machine(const clock_bound& bound) noexcept {
    static_cast<void>(bound);
    return bound_fault::none;
  }

  // For people: "clockbound", "chrony"; "none" while none is known.
  virtual std::string_view name() const noexcept = 0;

  // A fault in words, and what to do about it. Thread-safe.
  virtual std::string explain(bound_fault why, std::int32_t detail) const = 0;
};

}  // namespace hedgerow::clock
