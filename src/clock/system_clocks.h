#pragma once
// How this folder reads the machine's clocks; tests put a function of their own in between.

#include <cstdint>
#include <ctime>

namespace hedgerow::clock {

using clock_function = int (*)(clockid_t, timespec*) noexcept;

// Nanoseconds; 0 for a clock that the kernel lacks. Linux has all that are read here.
inline std::int64_t read_ns(clock_function gettime, clockid_t id) noexcept {
  timespec t{};
  if (gettime(id, &t) != 0) return 0;
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// The two readings from which an interval of true time is made, in this order: what comes between
// them only makes the interval wider (clockbound 1.7).
struct clock_reads {
  std::int64_t real_ns = 0;  // CLOCK_REALTIME
  std::int64_t mono_ns = 0;  // CLOCK_MONOTONIC_COARSE, up to a tick old
};

inline clock_reads read_clocks(clock_function gettime) noexcept {
  clock_reads at;
  at.real_ns = read_ns(gettime, CLOCK_REALTIME);
  at.mono_ns = read_ns(gettime, CLOCK_MONOTONIC_COARSE);
  return at;
}

// How far CLOCK_MONOTONIC_COARSE may lag behind: 1 to 10 ms, by the kernel's HZ.
inline std::int64_t coarse_tick_ns() noexcept {
  timespec t{};
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &t) != 0) return 10'000'000;
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

}  // namespace hedgerow::clock
