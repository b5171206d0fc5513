#pragma once
// The clock port: true time with its error, and boot time (DESIGN 3).

#include <string>
#include <string_view>

#include "model/time.h"

namespace hedgerow::ports {

// True time in nanoseconds, for people and tools; leases use microseconds.
struct precise_time {
  std::int64_t earliest_ns = 0;  // of the clock's scale; with `latest_ns` 0 where none is known
  std::int64_t latest_ns = 0;
  nanoseconds bound{};  // half the width
  nanoseconds age{};    // of what the bound rests on
  clock_status status = clock_status::unknown;
  bool settled = true;  // false: the source was not heard of yet, and may be in a moment
};

class clock {
 public:
  virtual ~clock() = default;

  // Both times, taken together. Thread-safe, never blocks; a handful of nanoseconds. A source that
  // fails answers with a status that is not trusted, never with an error.
  virtual reading now() noexcept = 0;

  // True time alone, for those who need no more: one look at a clock less. Thread-safe.
  virtual bounded_time truth() noexcept { return now().truth; }

  // Thread-safe.
  virtual precise_time precise() noexcept {
    const bounded_time t = truth();
    return {t.earliest.us * 1000,
            t.latest.us * 1000,
            nanoseconds{t.latest - t.earliest} / 2,
            {},
            t.status,
            true};
  }

  // The time scale of `instant`s: "boot" or "utc". A node takes no lease of another scale.
  virtual std::string_view scale() const noexcept = 0;

  // The clock's part of the store's epoch (R9): what must stay the same for stored instants to
  // mean the same. Boot id and time namespace on the scale "boot"; empty on "utc".
  virtual std::string epoch() const = 0;

  // For people: "machine", "clockbound", ... The one in use, where there is a choice; may change.
  virtual std::string_view source() const noexcept = 0;

  // Why the status of readings is not trusted now and what to do about it; empty if it is. Without
  // figures that change from reading to reading. Thread-safe, not for hot paths.
  virtual std::string trouble() const { return {}; }
};

}  // namespace hedgerow::ports
