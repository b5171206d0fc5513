#include "clock/auto_source.h"

#include <utility>

namespace hedgerow::clock {

auto_source::auto_source(std::unique_ptr<clockbound_source> clockbound,
                         std::unique_ptr<chrony_source> chrony)
    : clockbound_(std::move(clockbound)), chrony_(std::move(chrony)) {}

clock_bound auto_source::read() noexcept {
  const clock_bound first = clockbound_->read();
  choice known = chosen_.load(std::memory_order_relaxed);
  if (known == choice::clockbound || !chrony_) return first;
  if (first.fault != bound_fault::missing && !nothing_known(first)) {
    chosen_.store(choice::clockbound, std::memory_order_relaxed);
    chrony_->retire();
    return first;
  }
  const clock_bound second = chrony_->read();
  // Whatever it answers: it is there.
  const bool there = second.fault != bound_fault::pending && second.fault != bound_fault::no_answer;
  if (there && known == choice::none)
    chosen_.compare_exchange_strong(known, choice::chrony, std::memory_order_relaxed);
  return second;
}

std::string_view auto_source::name() const noexcept {
  switch (chosen_.load(std::memory_order_relaxed)) {
    case choice::clockbound:
      return clockbound_->name();
    case choice::chrony:
      return chrony_->name();
    case choice::none:
      break;
  }
  return chrony_ ? "none" : clockbound_->name();
}

std::string auto_source::explain(bound_fault why, std::int32_t detail) const {
  switch (chosen_.load(std::memory_order_relaxed)) {
    case choice::clockbound:
      return clockbound_->explain(why, detail);
    case choice::chrony:
      return chrony_->explain(why, detail);
    case choice::none:
      break;
  }
  if (!chrony_) return clockbound_->explain(why, detail);
  return "no source of bounded time: " + clockbound_->explain(bound_fault::missing, 0) + "; and " +
         chrony_->explain(why, detail) +
         "; without both, declare the clock's error yourself: --clock declared:5ms";
}

}  // namespace hedgerow::clock
