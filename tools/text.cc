#include "tools/text.h"

#include <algorithm>
#include <cstdint>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace hedgerow::tools {
namespace {

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

// Length of the well-formed character that begins at `at`; 0 if there is none.
std::size_t utf8_length(std::string_view bytes, std::size_t at) {
  const std::uint8_t first = byte_at(bytes, at);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xc2   ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || bytes.size() - at < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(bytes, at + i) & 0xc0) != 0x80) return 0;
  }
  const std::uint8_t second = byte_at(bytes, at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool beyond = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

// Characters, not bytes, so that names in any script align.
std::size_t width(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & '\xc0') != '\x80'; }));
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = utf8_length(bytes, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = std::uint32_t{byte_at(bytes, at)} << 16;
    if (n > 1) group |= std::uint32_t{byte_at(bytes, at + 1)} << 8;
    if (n > 2) group |= byte_at(bytes, at + 2);
    out += digits[group >> 18];
    out += digits[group >> 12 & 63];
    out += n > 1 ? digits[group >> 6 & 63] : '=';
    out += n > 2 ? digits[group & 63] : '=';
  }
  return out;
}

std::string printable(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint8_t first = byte_at(bytes, at);
    const std::size_t length = utf8_length(bytes, at);
    // C1 controls (U+0080 to U+009F) steer terminals as well.
    const bool c1 = length == 2 && first == 0xc2 && byte_at(bytes, at + 1) < 0xa0;
    if (first == '\n' || first == '\t') {
      out += ' ';
    } else if (length == 0 || c1 || first < 0x20 || first == 0x7f) {
      for (std::size_t i = 0; i < std::max<std::size_t>(length, 1); ++i) {
        out += fmt::format("\\x{:02x}", byte_at(bytes, at + i));
      }
    } else {
      out += bytes.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string utc_time(std::chrono::system_clock::time_point when) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(when.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                     (ms - seconds).count());
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max({widths[i], width(row[i]), std::size_t{1}});
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::size_t padding = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string_view cell = row[i].empty() ? std::string_view{"-"} : row[i];
      out.append(padding, ' ').append(cell);
      padding = widths[i] - width(cell) + 2;
    }
    out += '\n';
  }
  return out;
}

}  // namespace hedgerow::tools
