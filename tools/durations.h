#pragma once
// Durations as people write them.

#include <chrono>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

namespace hedgerow::tools {

// "500ms", "3s", "2m", "1h", "1.5s"; a number without a unit is seconds. Nothing else: no sign, no
// space, no exponent, at most three decimals, at most 1,000 h, and no fraction of a millisecond.
result<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest exact form that parse_duration reads: "500ms", "3s", "2m".
std::string to_string(std::chrono::milliseconds value);

// For people: "2.4 s", "310 ms", "3 min".
std::string rounded(std::chrono::milliseconds value);

}  // namespace hedgerow::tools
