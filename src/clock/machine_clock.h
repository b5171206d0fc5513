#pragma once
// The machine's own clock (DESIGN 3): the default where all members share one machine.
//
// True time is the kernel's boot time, which all processes of a machine share, which nobody can
// step, and which runs on through a suspend. Its error is 0; `earliest` and `latest` differ only by
// the rounding to microseconds. Processes in another time namespace are told another boot time, so
// the namespace's offset is taken out again: every process under one kernel is on one scale and in
// one epoch. That matters: two epochs alive on one file at the same time would break R9.
// Where the offset or the boot id cannot be known, no reading is trusted.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "ports/clock.h"

namespace hedgerow::clock {

class machine_clock final : public ports::clock {
 public:
  machine_clock();

  // Thread-safe. One vDSO call; about once a second a second one, for the token hint.
  reading now() noexcept override;

  std::string_view scale() const noexcept override { return "boot"; }
  std::string_view source() const noexcept override { return "machine"; }
  // "boot:<boot id>".
  std::string epoch() const override { return epoch_; }
  std::string trouble() const override;

 private:
  void refresh_hint(std::int64_t boot_ns) noexcept;

  std::string epoch_;
  clock_status status_ = clock_status::unknown;
  std::int64_t namespace_offset_ns_ = 0;
  // UTC minus boot time. May be a second old, or off by a step of the wall clock: it is a hint.
  std::atomic<std::int64_t> utc_offset_us_{0};
  std::atomic<std::int64_t> refresh_at_ns_{0};
};

// The offset of the boot clock in the text of /proc/self/timens_offsets, in nanoseconds; false if
// the text has none. Exposed for tests.
bool parse_boot_offset(std::string_view text, std::int64_t& offset_ns);

}  // namespace hedgerow::clock
