#include "clock/clock_bound.h"

#include <algorithm>

namespace hedgerow::clock {
namespace {

std::int64_t saturated_sum(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? INT64_MIN : INT64_MAX;
}

std::int64_t floor_us(std::int64_t ns) noexcept {
  return ns / 1000 - (ns % 1000 < 0 ? 1 : 0);
}

}  // namespace

std::int64_t growth_ns(std::int64_t elapsed_ns, std::uint32_t rate_ppb) noexcept {
  constexpr std::uint64_t billion = 1'000'000'000;
  const auto elapsed = static_cast<std::uint64_t>(elapsed_ns);
  // The common case without a division of 128 bits, which costs as much as a look at the clock.
  if (elapsed < UINT64_MAX / billion)
    return static_cast<std::int64_t>((elapsed * rate_ppb + billion - 1) / billion);
  __extension__ using wide = unsigned __int128;
  const wide grown = (static_cast<wide>(elapsed) * rate_ppb + billion - 1) / billion;
  return grown > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(grown);
}

bounded_interval interval_at(const clock_bound& bound, const clock_reads& at,
                             std::int64_t tick_ns) noexcept {
  bounded_interval r;
  r.detail = bound.detail;
  r.fault = bound.fault;
  if (!bound.usable()) return r;
  const std::int64_t mono = saturated_sum(at.mono_ns, tick_ns);  // as late as it can be
  if (bound.as_of_ns > mono) {
    r.fault = bound_fault::future;
    return r;
  }
  r.age_ns = std::max(saturated_sum(at.mono_ns, -bound.as_of_ns), std::int64_t{0});
  r.age_ns = saturated_sum(r.age_ns, tick_ns);
  r.bound_ns = saturated_sum(std::max(bound.bound_ns, bound_floor_ns),
                             growth_ns(r.age_ns, bound.max_drift_ppb));
  r.earliest_ns = saturated_sum(at.real_ns, -r.bound_ns);
  r.latest_ns = saturated_sum(at.real_ns, r.bound_ns);
  r.status = bound.status;
  if (!r.trusted()) {
    r.fault = bound_fault::as_told;
  } else if (mono >= bound.void_after_ns) {
    r.status = clock_status::unknown;
    r.fault = bound_fault::expired;
  } else if (r.age_ns >= free_running_after_ns) {
    r.status = clock_status::free_running;
  }
  return r;
}

bounded_time to_bounded_time(const bounded_interval& from) noexcept {
  bounded_time t;
  t.earliest = {floor_us(from.earliest_ns)};
  t.latest = {-floor_us(-std::max(from.latest_ns, -INT64_MAX))};
  t.status = from.status;
  t.token_hint = t.latest.us;
  return t;
}

}  // namespace hedgerow::clock
