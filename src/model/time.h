#pragma once
// The two kinds of time. They are two types, so that they cannot be mixed (DESIGN 3).

#include <chrono>
#include <compare>
#include <cstdint>

namespace hedgerow {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Boot time: monotonic, counts suspend, one machine only. Everything but leases uses it.
struct boot_time {
  std::int64_t ns = 0;

  static constexpr boot_time never() { return {INT64_MAX}; }

  auto operator<=>(const boot_time&) const = default;
  // A sum with never() stays never: "no wake-up wanted" must survive arithmetic.
  friend constexpr boot_time operator+(boot_time t, nanoseconds d) {
    return t == never() ? t : boot_time{t.ns + d.count()};
  }
  friend constexpr boot_time operator-(boot_time t, nanoseconds d) { return t + (-d); }
  friend constexpr nanoseconds operator-(boot_time a, boot_time b) {
    return nanoseconds{a.ns - b.ns};
  }
};

// A point of true time in microseconds of the clock's own scale: UTC, or since boot for the
// machine's own clock. What is stored in the lease row.
struct instant {
  std::int64_t us = 0;

  auto operator<=>(const instant&) const = default;
  friend constexpr instant operator+(instant t, microseconds d) { return {t.us + d.count()}; }
  friend constexpr instant operator-(instant t, microseconds d) { return {t.us - d.count()}; }
  friend constexpr microseconds operator-(instant a, instant b) {
    return microseconds{a.us - b.us};
  }
};

enum class clock_status : std::uint8_t { synchronized, free_running, unknown, disrupted };

// An interval that contains the true instant of the reading, if the status can be trusted.
struct bounded_time {
  instant earliest;
  instant latest;
  clock_status status = clock_status::unknown;
  // Where tokens should be by now: UTC in microseconds, even where `latest` is on another scale.
  // Only a hint: tokens grow without it.
  std::int64_t token_hint = 0;

  // R1: whether leases may rely on this reading at all. `max_error` bounds the interval's width.
  constexpr bool trusted(microseconds max_error) const {
    return (status == clock_status::synchronized || status == clock_status::free_running) &&
           latest - earliest <= max_error;
  }
};

struct reading {
  bounded_time truth;
  boot_time boot;
};

}  // namespace hedgerow
