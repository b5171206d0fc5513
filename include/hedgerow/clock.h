#pragma once
// A look at a bounded clock, without any node: for operators and tools.

#include <chrono>
#include <string>

#include <hedgerow/error.h>

namespace hedgerow {

struct clock_reading {
  std::string source;  // in use: "clockbound", "chrony", "declared", "machine"; "none"
  std::string scale;   // "utc", or "boot": counted from the machine's start
  // "synchronized" and "free_running" are trusted; "unknown", "disrupted" and "too_wide" are not.
  std::string status;
  std::string text;  // why it is not trusted and what to do about it; empty if it is

  // Whether there is an interval: unless the status is unknown or disrupted.
  bool bounded = false;
  std::chrono::nanoseconds earliest{};  // since the scale's zero: 1970 for UTC
  std::chrono::nanoseconds latest{};
  std::chrono::nanoseconds error_bound{};  // half of the interval
  std::chrono::nanoseconds age{};          // of the measurement that it rests on

  bool trusted() const { return text.empty(); }
};

// What a node that is started with this options::clock would see now. Blocks, for at most the
// timeout, until the source was heard of. Errors: invalid_argument for what is no clock; a source
// that is away or not trusted is no error.
result<clock_reading> read_clock(const std::string& clock, std::chrono::milliseconds timeout);

}  // namespace hedgerow
