#include "tools/durations.h"

#include <charconv>
#include <cstdint>

#include <fmt/format.h>

namespace hedgerow::tools {
namespace {

constexpr std::int64_t ms_max = std::int64_t{1000} * 3600 * 1000;

// 0 for a unit that does not exist.
std::int64_t unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit.empty() || unit == "s") return 1000;
  if (unit == "m") return 60 * 1000;
  if (unit == "h") return 3600 * 1000;
  return 0;
}

tl::unexpected<error> refused(std::string_view text) {
  return fail(errc::invalid_argument,
              fmt::format("'{}' is not a duration; write it like 500ms, 3s or 2m", text));
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

}  // namespace

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto number_end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, number_end);
  const std::int64_t unit = unit_ms(text.substr(number_end));
  const auto dot = number.find('.');
  const std::string_view whole = number.substr(0, dot);
  std::string decimals;
  if (dot != number.npos) {
    decimals = number.substr(dot + 1);
    if (!all_digits(decimals) || decimals.size() > 3) return refused(text);
  }
  if (unit == 0 || !all_digits(whole) || whole.size() > 12) return refused(text);
  decimals.resize(3, '0');
  const std::string thousandths_text = std::string(whole) + decimals;
  std::int64_t thousandths = 0;
  std::from_chars(thousandths_text.data(), thousandths_text.data() + thousandths_text.size(),
                  thousandths);
  if (thousandths / 1000 > ms_max / unit) return refused(text);
  const std::int64_t scaled = thousandths * unit;
  if (scaled % 1000 != 0 || scaled / 1000 > ms_max) return refused(text);
  return std::chrono::milliseconds{scaled / 1000};
}

std::string to_string(std::chrono::milliseconds value) {
  const std::int64_t ms = value.count();
  if (ms != 0 && ms % (3600 * 1000) == 0) return fmt::format("{}h", ms / (3600 * 1000));
  if (ms != 0 && ms % (60 * 1000) == 0) return fmt::format("{}m", ms / (60 * 1000));
  if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
  return fmt::format("{}ms", ms);
}

std::string rounded(std::chrono::milliseconds value) {
  const std::int64_t ms = value.count();
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60 * 1000) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
  if (ms < 2 * 3600 * 1000) return fmt::format("{} min", ms / (60 * 1000));
  if (ms < std::int64_t{48} * 3600 * 1000) return fmt::format("{} h", ms / (3600 * 1000));
  return fmt::format("{} days", ms / (std::int64_t{24} * 3600 * 1000));
}

}  // namespace hedgerow::tools
