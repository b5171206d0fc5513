#include <algorithm>
#include <array>

#include <hedgerow/member.h>

namespace hedgerow {
namespace {

void append_hex(std::string& out, std::uint64_t value) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4)
    out += digits[(value >> shift) & 0xf];
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f')) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  return value;
}

}  // namespace

std::string to_string(const incarnation& value) {
  std::string text;
  text.reserve(32);
  append_hex(text, value.high);
  append_hex(text, value.low);
  return text;
}

std::optional<incarnation> parse_incarnation(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  const auto high = parse_hex(text.substr(0, 16));
  const auto low = parse_hex(text.substr(16));
  if (!high || !low) return std::nullopt;
  return incarnation{*high, *low};
}

std::string_view to_string(member_state value) {
  constexpr std::array<std::string_view, 3> names{"joining", "up", "leaving"};
  return names.at(static_cast<std::size_t>(value));
}

std::string_view to_string(member_health value) {
  return value == member_health::alive ? "alive" : "degraded";
}

std::string_view to_string(removal_reason value) {
  constexpr std::array<std::string_view, 4> names{"left", "crashed", "silent", "replaced"};
  return names.at(static_cast<std::size_t>(value));
}

const member* view::find(const hedgerow::incarnation& who) const {
  const auto it = std::find_if(members.begin(), members.end(),
                               [&](const member& m) { return m.incarnation == who; });
  return it == members.end() ? nullptr : &*it;
}

const member* view::find(std::string_view name) const {
  const auto it =
      std::find_if(members.begin(), members.end(), [&](const member& m) { return m.name == name; });
  return it == members.end() ? nullptr : &*it;
}

const removal* view::removal_of(const hedgerow::incarnation& who) const {
  const auto it = std::find_if(removed.begin(), removed.end(),
                               [&](const removal& r) { return r.incarnation == who; });
  return it == removed.end() ? nullptr : &*it;
}

}  // namespace hedgerow
