#pragma once
// ClockBound where its segment is, else chronyd.
//
// Once a segment was seen there is no way back: a ClockBound that says "disrupted", or has gone,
// knows something that chronyd does not, and must not be overruled by it.

#include <atomic>
#include <memory>

#include "clock/chrony_source.h"
#include "clock/clockbound_source.h"

namespace hedgerow::clock {

class auto_source final : public bound_source {
 public:
  // `chrony` may be null where a segment is known to be there.
  auto_source(std::unique_ptr<clockbound_source> clockbound, std::unique_ptr<chrony_source> chrony);

  clock_bound read() noexcept override;
  bound_fault check_machine(const clock_bound& bound) noexcept override {
    return clockbound_->check_machine(bound);
  }
  std::string_view name() const noexcept override;
  std::string explain(bound_fault why, std::int32_t detail) const override;

 private:
  enum class choice : std::uint8_t { none, clockbound, chrony };

  const std::unique_ptr<clockbound_source> clockbound_;
  const std::unique_ptr<chrony_source> chrony_;
  std::atomic<choice> chosen_{choice::none};
};

}  // namespace hedgerow::clock
