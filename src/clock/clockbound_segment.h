#pragma once
// The bytes of ClockBound's shared memory segment, layouts 1 and 2 (clockbound 1.1 to 1.3). Pure.
//
// Layout 3 is refused. It is of the processor's counter, not of CLOCK_REALTIME, and what one of its
// fields means has changed without a change of the version: the error of the counter's period was
// in seconds before 3.0.0-beta.1, and is a ratio since. So whoever reads it can't tell how fast the
// bound grows. The daemons of ClockBound 3 write layout 2 as well.
//
// The bytes are hostile: every field is checked, as clockbound 1.8 lists it.

#include <string_view>

#include "clock/clock_bound.h"

namespace hedgerow::clock {

inline constexpr std::size_t segment_header_bytes = 16;
inline constexpr std::size_t segment_v1_bytes = 72;
inline constexpr std::size_t segment_v2_bytes = 80;

// as_of is when the daemon asked chronyd, which answers at once after somebody's `date` and knows
// nothing of it before its next measurement. A bound that is synchronized says no more than that
// there was one within eight polls (clockbound 1.10); polls are 16 s apart, as docs/clocks.md has
// them set.
inline constexpr std::int64_t measured_within_ns = 130'000'000'000;

// A copy of the beginning of the file: all of it, or as much as layout 2 has. Never fails: without
// a bound the fault says why. One that runs freely does not say when it was measured.
// being_written: the copy was taken in the middle of an update.
clock_bound decode_segment(std::string_view bytes) noexcept;

// Two copies, one taken after the other: being_written unless they are the same.
clock_bound decode_copies(std::string_view first, std::string_view second) noexcept;

}  // namespace hedgerow::clock
