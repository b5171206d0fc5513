#pragma once
// chronyd's answer about its tracking of true time, as bytes, and the bound that follows from it
// (clockbound 4.4). Pure; the protocol was described from its own observation and public
// descriptions. All fields are big endian.

#include <array>
#include <cstdint>
#include <string_view>

#include <tl/expected.hpp>

#include "clock/clock_bound.h"

namespace hedgerow::clock {

// Of request and answer: chronyd does not answer what is shorter than the answer.
inline constexpr std::size_t tracking_bytes = 104;

std::array<char, tracking_bytes> tracking_request(std::uint32_t sequence) noexcept;

struct tracking {
  std::uint32_t reference_id = 0;
  std::uint16_t leap = 0;         // 3: not synchronized
  std::int64_t reference_ns = 0;  // UTC of the last measurement, up to a second early
  double current_correction = 0;  // seconds, this one and all below
  double root_delay = 0;
  double root_dispersion = 0;
  double last_update_interval = 0;
};

struct tracking_refused {
  bool other = false;  // the answer to another question: wait on
  bound_fault fault = bound_fault::answer_malformed;
  std::int32_t detail = 0;
};

// Any bytes. Longer answers are those of a later chronyd, whose fields begin alike.
tl::expected<tracking, tracking_refused> parse_tracking(std::string_view datagram,
                                                        std::uint32_t sequence) noexcept;

// chrony's own 32-bit floating point: 7 bits of exponent, 25 of coefficient, both signed.
double chrony_float(std::uint32_t bits) noexcept;

// When chronyd measured last, on the steady clock. Its own word for that is UTC, which moves with
// every step of the wall clock, so it is translated by the largest offset between the two clocks
// since before that measurement: too early at worst.
class measurement_watch {
 public:
  // Of each question, whether it is answered or not.
  void on_asked(const clock_reads& asked) noexcept;
  // Of the answer to the newest one; reference_ns as in tracking.
  std::int64_t measured_ns(std::int64_t reference_ns) noexcept;

 private:
  std::int64_t reference_ns_ = -1;            // of the newest answer; -1: none
  std::int64_t highest_ns_ = INT64_MIN;       // since before the measurement at reference_ns_
  std::int64_t newest_ns_ = INT64_MIN;        // of the newest question
  std::int64_t since_answer_ns_ = INT64_MIN;  // the highest since the last answered one, with it
};

// `asked` was read before the question was sent. A chronyd that runs freely counts only if it was
// `synchronized_before`, as with ClockBound (1.10): one that follows nobody, or its own clock, says
// small errors, too.
//
// chronyd's own growth is 1 ppm unless its maxclockerror says more; 49 ppm more for the time since
// its last measurement make it the 50 ppm that a quartz may do.
clock_bound bound_of(const tracking& t, const clock_reads& asked, std::int64_t measured_ns,
                     bool synchronized_before) noexcept;

}  // namespace hedgerow::clock
