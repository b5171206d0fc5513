#include "clock/clockbound_segment.h"

#include <cstring>

namespace hedgerow::clock {
namespace {

// Two words of the machine's own byte order, whatever order the protocol's text lists.
constexpr std::uint32_t magic_first = 0x414D5A4E;
constexpr std::uint32_t magic_second = 0x43420200;
constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::int64_t seconds_max = INT64_MAX / ns_per_second - 1;

enum offset : std::uint8_t {
  size_at = 8,
  version_at = 12,
  generation_at = 14,
  as_of_at = 16,
  void_after_at = 32,
  bound_at = 48,
  v1_drift_at = 56,
  v1_status_at = 64,
  v2_marker_at = 56,
  v2_drift_at = 64,
  v2_status_at = 68,
  v2_support_at = 72
};

class fields {
 public:
  explicit fields(std::string_view bytes) : bytes_(bytes) {}

  template <class Number>
  Number at(std::size_t where) const noexcept {
    Number value{};
    std::memcpy(&value, bytes_.data() + where, sizeof value);
    return value;
  }

  // The first field that is out of its range; 0: none.
  std::size_t wrong() const noexcept { return wrong_; }
  void check(bool holds, std::size_t where) noexcept {
    if (!holds && wrong_ == 0) wrong_ = where;
  }

  std::int64_t instant(std::size_t where) noexcept {
    const auto whole = at<std::int64_t>(where);
    const auto ns = at<std::int64_t>(where + 8);
    const bool valid = whole >= 0 && whole <= seconds_max && ns >= 0 && ns < ns_per_second;
    check(valid, where);
    return valid ? whole * ns_per_second + ns : 0;
  }

  clock_status status(std::size_t where, std::int32_t highest) noexcept {
    const auto value = at<std::int32_t>(where);
    check(value >= 0 && value <= highest, where);
    switch (value) {
      case 1:
        return clock_status::synchronized;
      case 2:
        return clock_status::free_running;
      case 3:
        return clock_status::disrupted;
      default:
        return clock_status::unknown;
    }
  }

 private:
  std::string_view bytes_;
  std::size_t wrong_ = 0;
};

// 1 or 2; 0 for anything else. ClockBound 3 writes two bytes, the layout and above it the least
// that a reader must know: 0x0303 into shm1, but for layout 2 in shm0 just that.
int layout_of(std::uint16_t version) noexcept {
  return version == 1 || version == 2 ? version : 0;
}

void read_v1(fields& f, clock_bound& into) noexcept {
  into.max_drift_ppb = f.at<std::uint32_t>(v1_drift_at);
  f.check(into.max_drift_ppb < ns_per_second, v1_drift_at);
  into.status = f.status(v1_status_at, 2);
}

void read_v2(fields& f, clock_bound& into) noexcept {
  into.disruption_marker = f.at<std::uint64_t>(v2_marker_at);
  into.max_drift_ppb = f.at<std::uint32_t>(v2_drift_at);
  f.check(into.max_drift_ppb < ns_per_second, v2_drift_at);
  into.status = f.status(v2_status_at, 3);
  const auto support = f.at<std::uint8_t>(v2_support_at);
  f.check(support <= 1, v2_support_at);
  into.ask_vmclock = support == 1;
}

}  // namespace

clock_bound decode_segment(std::string_view bytes) noexcept {
  const auto length = static_cast<std::int32_t>(bytes.size());
  if (bytes.size() < segment_header_bytes) return no_bound(bound_fault::too_short, length);
  fields f(bytes);
  if (f.at<std::uint32_t>(0) != magic_first || f.at<std::uint32_t>(4) != magic_second)
    return no_bound(bound_fault::not_a_segment);
  const auto size = f.at<std::uint32_t>(size_at);
  const auto version = f.at<std::uint16_t>(version_at);
  const auto generation = f.at<std::uint16_t>(generation_at);
  if (version == 0 || generation == 0) return no_bound(bound_fault::not_initialized);
  const int layout = layout_of(version);
  if (layout == 0) return no_bound(bound_fault::version, version);
  const std::size_t needed = layout == 1 ? segment_v1_bytes : segment_v2_bytes;
  if (size < needed) return no_bound(bound_fault::malformed, size_at);
  if (bytes.size() < needed) return no_bound(bound_fault::too_short, length);
  if ((generation & 1) != 0) return no_bound(bound_fault::being_written);
  clock_bound found;
  found.as_of_ns = f.instant(as_of_at);
  found.void_after_ns = f.instant(void_after_at);
  found.bound_ns = f.at<std::int64_t>(bound_at);
  f.check(found.void_after_ns > found.as_of_ns, void_after_at);
  f.check(found.bound_ns >= 0 && found.bound_ns <= bound_max_ns, bound_at);
  layout == 1 ? read_v1(f, found) : read_v2(f, found);
  if (f.wrong() != 0) return no_bound(bound_fault::malformed, static_cast<std::int32_t>(f.wrong()));
  const bool lately = found.status == clock_status::synchronized;
  found.measured_ns = lately ? found.as_of_ns - measured_within_ns : never_measured;
  found.fault = bound_fault::none;
  return found;
}

clock_bound decode_copies(std::string_view first, std::string_view second) noexcept {
  if (first != second) return no_bound(bound_fault::being_written);
  return decode_segment(first);
}

}  // namespace hedgerow::clock
