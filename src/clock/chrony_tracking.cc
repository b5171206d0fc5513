#include "clock/chrony_tracking.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace hedgerow::clock {
namespace {

constexpr unsigned char protocol_version = 6;
constexpr unsigned char type_request = 1;
constexpr unsigned char type_reply = 2;
constexpr std::uint16_t command_tracking = 33;
constexpr std::uint16_t reply_tracking = 5;
constexpr std::uint32_t no_high_seconds = 0x7FFFFFFF;  // sent by a 32-bit chronyd
constexpr std::uint32_t local_reference_id = 0x7F7F0101;
constexpr std::uint16_t leap_not_synchronized = 3;

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::int64_t seconds_max = INT64_MAX / ns_per_second - 1;
constexpr std::uint32_t drift_ppb = 50'000;
constexpr std::uint32_t extra_dispersion_ppb = 49'000;
// Without an answer for so long, nothing is known any more.
constexpr std::int64_t void_after_ns = 5 * ns_per_second;
constexpr double intervals_max = 8;
constexpr std::int64_t reference_fuzz_ns = ns_per_second;
// chronyd moves its word for the last measurement a little as it slews the clock.
constexpr std::int64_t same_reference_ns = ns_per_second / 10;

template <class Unsigned>
Unsigned load(std::string_view from, std::size_t where) noexcept {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i)
    value = static_cast<Unsigned>(value << 8 | static_cast<unsigned char>(from[where + i]));
  return value;
}

template <class Unsigned>
void store(char* to, Unsigned value) noexcept {
  for (std::size_t i = sizeof(Unsigned); i-- > 0; value = static_cast<Unsigned>(value >> 8))
    to[i] = static_cast<char>(value & 0xff);
}

double load_float(std::string_view from, std::size_t where) noexcept {
  return chrony_float(load<std::uint32_t>(from, where));
}

// Seconds as two words. -1: no instant that nanoseconds can say.
std::int64_t load_instant(std::string_view from, std::size_t where) noexcept {
  std::uint64_t high = load<std::uint32_t>(from, where);
  if (high == no_high_seconds) high = 0;
  const std::uint64_t whole = high << 32 | load<std::uint32_t>(from, where + 4);
  const auto ns = load<std::uint32_t>(from, where + 8);
  if (whole > static_cast<std::uint64_t>(seconds_max) || ns >= ns_per_second) return -1;
  return static_cast<std::int64_t>(whole) * ns_per_second + ns;
}

}  // namespace

std::array<char, tracking_bytes> tracking_request(std::uint32_t sequence) noexcept {
  std::array<char, tracking_bytes> bytes{};
  bytes[0] = static_cast<char>(protocol_version);
  bytes[1] = static_cast<char>(type_request);
  store(bytes.data() + 4, command_tracking);
  store(bytes.data() + 8, sequence);
  return bytes;
}

double chrony_float(std::uint32_t bits) noexcept {
  constexpr int coefficient_bits = 25;
  int exponent = static_cast<int>(bits >> coefficient_bits);
  if (exponent >= 64) exponent -= 128;
  auto coefficient = static_cast<std::int32_t>(bits & ((1U << coefficient_bits) - 1));
  if (coefficient >= 1 << (coefficient_bits - 1)) coefficient -= 1 << coefficient_bits;
  return std::ldexp(static_cast<double>(coefficient), exponent - coefficient_bits);
}

tl::expected<tracking, tracking_refused> parse_tracking(std::string_view datagram,
                                                        std::uint32_t sequence) noexcept {
  constexpr std::size_t head_bytes = 28;
  const auto refuse = [](tracking_refused why) { return tl::unexpected<tracking_refused>(why); };
  if (datagram.size() < head_bytes || datagram[0] != static_cast<char>(protocol_version) ||
      datagram[1] != static_cast<char>(type_reply) ||
      load<std::uint16_t>(datagram, 4) != command_tracking)
    return refuse({});
  if (load<std::uint32_t>(datagram, 16) != sequence) return refuse({true});
  if (const auto status = load<std::uint16_t>(datagram, 8); status != 0)
    return refuse({false, bound_fault::answer_refused, status});
  if (datagram.size() < tracking_bytes || load<std::uint16_t>(datagram, 6) != reply_tracking)
    return refuse({});
  tracking t;
  t.reference_id = load<std::uint32_t>(datagram, 28);
  t.leap = load<std::uint16_t>(datagram, 54);
  t.reference_ns = load_instant(datagram, 56);
  t.current_correction = load_float(datagram, 68);
  t.root_delay = load_float(datagram, 92);
  t.root_dispersion = load_float(datagram, 96);
  t.last_update_interval = load_float(datagram, 100);
  if (t.leap > leap_not_synchronized || t.reference_ns < 0 || t.root_delay < 0 ||
      t.root_dispersion < 0 || t.last_update_interval < 0)
    return refuse({});
  return t;
}

void measurement_watch::on_asked(const clock_reads& asked) noexcept {
  newest_ns_ = asked.real_ns - asked.mono_ns;
  highest_ns_ = std::max(highest_ns_, newest_ns_);
  since_answer_ns_ = std::max(since_answer_ns_, newest_ns_);
}

std::int64_t measurement_watch::measured_ns(std::int64_t reference_ns) noexcept {
  const bool same =
      reference_ns_ >= 0 && std::abs(reference_ns - reference_ns_) <= same_reference_ns;
  if (!same) highest_ns_ = since_answer_ns_;
  reference_ns_ = reference_ns;
  since_answer_ns_ = newest_ns_;
  std::int64_t measured = 0;
  return __builtin_sub_overflow(reference_ns, highest_ns_, &measured) ? never_measured : measured;
}

clock_bound bound_of(const tracking& t, const clock_reads& asked, std::int64_t measured_ns,
                     bool synchronized_before) noexcept {
  if (t.leap == leap_not_synchronized) return no_bound(bound_fault::not_synchronized);
  if (t.reference_id == local_reference_id) return no_bound(bound_fault::local_reference);
  const std::int64_t since = asked.real_ns - t.reference_ns;
  // Measured in the future: the clock was stepped back, and chronyd has not seen it yet.
  if (since < 0) return no_bound(bound_fault::stepped);
  const double own = t.root_delay / 2 + t.root_dispersion + std::abs(t.current_correction);
  if (own * 1e9 > static_cast<double>(bound_max_ns)) return no_bound(bound_fault::not_synchronized);
  // Both are small enough for their sum.
  const std::int64_t bound_ns =
      static_cast<std::int64_t>(std::ceil(own * 1e9)) + growth_ns(since, extra_dispersion_ppb);
  if (bound_ns > bound_max_ns) return no_bound(bound_fault::not_synchronized);
  const bool stale =
      static_cast<double>(since - reference_fuzz_ns) > intervals_max * t.last_update_interval * 1e9;
  if (stale && !synchronized_before) return no_bound(bound_fault::never_synchronized);
  clock_bound b;
  b.as_of_ns = asked.mono_ns;
  b.void_after_ns = asked.mono_ns + void_after_ns;
  b.measured_ns = measured_ns;
  b.bound_ns = bound_ns;
  b.max_drift_ppb = drift_ppb;
  b.status = stale ? clock_status::free_running : clock_status::synchronized;
  b.fault = bound_fault::none;
  return b;
}

}  // namespace hedgerow::clock
