#pragma once
// UTC with a bounded error: CLOCK_REALTIME and what a source says of it (DESIGN 3).
//
// A reading is a copy of the source's newest bound, two looks at the clocks, and arithmetic. The
// copy is at most about 10 ms old: whoever finds it older renews it, and the others go on with it
// meanwhile. Nobody waits for anybody; a renewal that hangs for a second ends the trust.
// A step of CLOCK_REALTIME or a sleep of the machine ends it too, until the source has measured
// anew (step_detector.h). What happened before this clock was opened, it does not know.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "clock/bound_source.h"
#include "clock/snapshot_cell.h"
#include "clock/step_detector.h"
#include "ports/clock.h"

namespace hedgerow::clock {

class bounded_clock final : public ports::clock {
 public:
  explicit bounded_clock(std::unique_ptr<bound_source> from,
                         clock_function gettime = &::clock_gettime);

  // Thread-safe and lock-free. About every 10 ms one caller pays for the source's read().
  reading now() noexcept override;
  bounded_time truth() noexcept override { return to_bounded_time(read()); }
  ports::precise_time precise() noexcept override;

  std::string_view scale() const noexcept override { return "utc"; }
  std::string epoch() const override { return {}; }
  std::string_view source() const noexcept override { return source_->name(); }
  std::string trouble() const override;

 private:
  struct bound_copy {
    clock_bound bound;
    std::int64_t copied_ns = 0;  // CLOCK_MONOTONIC_COARSE before it was read
    std::int64_t tried_ns = 0;   // the same of the newest try
  };

  bounded_interval read() const noexcept;
  bound_copy renew(const bound_copy& present, std::int64_t mono_ns) const noexcept;
  bounded_interval conclude(const clock_bound& bound, const clock_reads& at) const noexcept;

  const clock_function gettime_;
  const std::int64_t tick_ns_;
  const std::unique_ptr<bound_source> source_;
  mutable step_detector steps_;
  mutable snapshot_cell<bound_copy> copy_;
  mutable std::atomic<std::int64_t> renewing_since_ns_{0};  // 0: nobody
};

}  // namespace hedgerow::clock
