#pragma once
// The clock port: true time with its error, and boot time (DESIGN 3).

#include <string>
#include <string_view>

#include "model/time.h"

namespace hedgerow::ports {

class clock {
 public:
  virtual ~clock() = default;

  // Both times, taken together. Thread-safe, never blocks; a handful of nanoseconds. A source that
  // fails answers with a status that is not trusted, never with an error.
  virtual reading now() noexcept = 0;

  // The time scale of `instant`s: "boot" or "utc". A node takes no lease of another scale.
  virtual std::string_view scale() const noexcept = 0;

  // The clock's part of the store's epoch (R9): what must stay the same for stored instants to
  // mean the same. Boot id and time namespace on the scale "boot"; empty on "utc".
  virtual std::string epoch() const = 0;

  // For people: "machine", "clockbound", ...
  virtual std::string_view source() const noexcept = 0;
};

}  // namespace hedgerow::ports
