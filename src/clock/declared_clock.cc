#include "clock/declared_clock.h"

#include "clock/clock_bound.h"

namespace hedgerow::clock {
namespace {

constexpr std::int64_t steady_for_ns = 30'000'000'000;

}  // namespace

declared_clock::declared_clock(nanoseconds error, clock_function gettime)
    : gettime_(gettime), error_(error), steps_(gettime, CLOCK_BOOTTIME, 0, error.count()) {}

declared_clock::look declared_clock::read() const noexcept {
  look l;
  l.at.real_ns = read_ns(gettime_, CLOCK_REALTIME);
  l.at.mono_ns = read_ns(gettime_, CLOCK_BOOTTIME);
  const std::int64_t stepped = steps_.last_step(l.at.real_ns, l.at.mono_ns);
  l.steady = stepped == INT64_MIN || l.at.mono_ns - stepped >= steady_for_ns;
  return l;
}

reading declared_clock::now() noexcept {
  const look l = read();
  bounded_interval i;
  i.earliest_ns = l.at.real_ns - error_.count();
  i.latest_ns = l.at.real_ns + error_.count();
  i.status = l.steady ? clock_status::synchronized : clock_status::unknown;
  return {to_bounded_time(i), {l.at.mono_ns}};
}

ports::precise_time declared_clock::precise() noexcept {
  const look l = read();
  return {l.at.real_ns - error_.count(),
          l.at.real_ns + error_.count(),
          error_,
          {},
          l.steady ? clock_status::synchronized : clock_status::unknown,
          true};
}

std::string declared_clock::trouble() const {
  if (read().steady) return {};
  return "the wall clock was stepped by more than the declared error; trusted again once it has "
         "kept still for 30 s";
}

}  // namespace hedgerow::clock
