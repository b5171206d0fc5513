#include "clock/bounded_clock.h"

#include <utility>

namespace hedgerow::clock {
namespace {

constexpr std::int64_t renew_after_ns = 10'000'000;
constexpr std::int64_t stale_after_ns = 1'000'000'000;
constexpr std::int64_t step_slack_ns = 500'000;  // R1's margin is at least 2 ms

}  // namespace

bounded_clock::bounded_clock(std::unique_ptr<bound_source> from, clock_function gettime)
    : gettime_(gettime),
      tick_ns_(coarse_tick_ns()),
      source_(std::move(from)),
      steps_(gettime, CLOCK_MONOTONIC, tick_ns_, step_slack_ns) {
  renew({}, read_ns(gettime_, CLOCK_MONOTONIC_COARSE));
}

bounded_clock::bound_copy bounded_clock::renew(const bound_copy& present,
                                               std::int64_t mono_ns) const noexcept {
  const bool fresh = mono_ns - present.copied_ns < stale_after_ns;
  std::int64_t since = 0;
  if (!renewing_since_ns_.compare_exchange_strong(since, mono_ns, std::memory_order_acquire)) {
    if (fresh) return present;
    if (mono_ns - since >= stale_after_ns) return {no_bound(bound_fault::hung), mono_ns, mono_ns};
    return {source_->read(), mono_ns, mono_ns};  // nobody had asked for long: not waited for
  }
  steps_.measure();
  bound_copy next{source_->read(), mono_ns, mono_ns};
  // A writer that was preempted in the middle of an update goes on in a moment.
  if (next.bound.fault == bound_fault::being_written && fresh) {
    next = present;
    next.tried_ns = mono_ns;
  }
  copy_.store(next);
  renewing_since_ns_.store(0, std::memory_order_release);
  return next;
}

bounded_interval bounded_clock::conclude(const clock_bound& bound,
                                         const clock_reads& at) const noexcept {
  bounded_interval r = interval_at(bound, at, tick_ns_);
  if (!r.trusted()) return r;
  if (bound.ask_vmclock) r.fault = source_->check_machine(bound);
  if (r.fault == bound_fault::none && bound.measured_ns <= steps_.last_step(at.real_ns, at.mono_ns))
    r.fault = bound_fault::stepped;
  if (r.fault == bound_fault::none) return r;
  r.status =
      r.fault == bound_fault::vmclock_changed ? clock_status::disrupted : clock_status::unknown;
  return r;
}

bounded_interval bounded_clock::read() const noexcept {
  bound_copy copy = copy_.load();
  clock_reads at = read_clocks(gettime_);
  if (at.mono_ns - copy.tried_ns >= renew_after_ns) [[unlikely]] {
    copy = renew(copy, at.mono_ns);
    at = read_clocks(gettime_);
  }
  return conclude(copy.bound, at);
}

reading bounded_clock::now() noexcept {
  reading r;
  r.truth = truth();
  r.boot = {read_ns(gettime_, CLOCK_BOOTTIME)};
  return r;
}

ports::precise_time bounded_clock::precise() noexcept {
  const bounded_interval r = read();
  return {r.earliest_ns,         r.latest_ns, nanoseconds{r.bound_ns},
          nanoseconds{r.age_ns}, r.status,    r.fault != bound_fault::pending};
}

std::string bounded_clock::trouble() const {
  const bounded_interval r = read();
  if (r.trusted()) return {};
  switch (r.fault) {
    case bound_fault::stepped:
      return "the machine's clock was stepped, or the machine slept, after its error was last "
             "measured; trusted again once " +
             std::string(source_->name()) + " has surely measured anew";
    case bound_fault::future:
      return "the bound was determined in the future of CLOCK_MONOTONIC; if this runs in a time "
             "namespace of its own, run it in the host's";
    case bound_fault::hung:
      return "reading the clock's bound has hung for a second; is its path on a dead file system?";
    default:
      return source_->explain(r.fault, r.detail);
  }
}

}  // namespace hedgerow::clock
