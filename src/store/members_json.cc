#include "store/members_json.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hedgerow::store {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view hex_mark = "hex:";

// The length of the well-formed UTF-8 character at the front (Unicode 15, table 3-7); 0 if none.
std::size_t utf8_character(std::string_view s) {
  const auto at = [&](std::size_t i) {
    return i < s.size() ? static_cast<std::uint8_t>(s[i]) : std::uint8_t{0};
  };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xc0) == 0x80; };
  const std::uint8_t lead = at(0);
  const std::uint8_t second = at(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view s) {
  while (!s.empty()) {
    const std::size_t length = utf8_character(s);
    if (length == 0) return false;
    s.remove_prefix(length);
  }
  return true;
}

std::string to_text(const std::string& bytes) {
  const bool zero = bytes.find('\0') != std::string::npos;
  if (is_utf8(bytes) && !zero && !bytes.starts_with(hex_mark)) return bytes;
  std::string text(hex_mark);
  for (const char c : bytes)
    text += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
  return text;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<std::string> to_bytes(std::string_view text) {
  if (!text.starts_with(hex_mark)) return std::string(text);
  text.remove_prefix(hex_mark.size());
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (; !text.empty(); text.remove_prefix(2)) {
    const auto high = hex_digit(text[0]);
    const auto low = hex_digit(text[1]);
    if (!high || !low) return std::nullopt;
    bytes += static_cast<char>(*high << 4 | *low);
  }
  return bytes;
}

// Reads fields of one object, and remembers the first that is wrong.
class object_reader {
 public:
  explicit object_reader(const json& value) : value_(value) {}

  std::string text(const char* name) {
    const auto it = value_.find(name);
    if (it != value_.end() && it->is_string())
      if (auto bytes = to_bytes(it->get_ref<const std::string&>())) return std::move(*bytes);
    return wrong(name), std::string();
  }
  hedgerow::incarnation incarnation() {
    const auto parsed = parse_incarnation(text("incarnation"));
    if (!parsed) wrong("incarnation");
    return parsed.value_or(hedgerow::incarnation{});
  }
  template <class Enum, std::size_t N>
  Enum one_of(const char* name, const std::array<Enum, N>& values) {
    const std::string word = text(name);
    for (const Enum value : values)
      if (to_string(value) == word) return value;
    return wrong(name), values[0];
  }
  std::map<std::string, std::string> tags() {
    std::map<std::string, std::string> tags;
    const auto it = value_.find("tags");
    if (it == value_.end() || !it->is_object()) return wrong("tags"), tags;
    for (const auto& [key, value] : it->items()) {
      const auto name = to_bytes(key);
      const auto bytes =
          value.is_string() ? to_bytes(value.get_ref<const std::string&>()) : std::nullopt;
      if (!name || !bytes) return wrong("tags"), tags;
      tags.emplace(*name, *bytes);
    }
    return tags;
  }
  const std::string& trouble() const { return trouble_; }

 private:
  void wrong(const char* name) {
    if (trouble_.empty()) trouble_ = name;
  }

  const json& value_;
  std::string trouble_;
};

template <class T, class Read>
result<std::vector<T>> read_list(std::string_view text, const char* column, Read read) {
  const auto malformed = [&](std::string what) {
    return fail(errc::store_unavailable, fmt::format("malformed row: column {}: {}", column, what));
  };
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) return malformed("not a JSON list");
  std::vector<T> values;
  for (const json& item : list) {
    if (!item.is_object()) return malformed(fmt::format("item {} is no object", values.size()));
    object_reader fields(item);
    values.push_back(read(fields));
    if (!fields.trouble().empty())
      return malformed(
          fmt::format("item {}: \"{}\" is missing or wrong", values.size() - 1, fields.trouble()));
  }
  return values;
}

}  // namespace

std::string members_to_json(const std::vector<member>& members) {
  ordered_json list = ordered_json::array();
  for (const member& m : members) {
    ordered_json tags = ordered_json::object();
    for (const auto& [key, value] : m.tags)
      tags[to_text(key)] = to_text(value);
    list.push_back({{"name", to_text(m.name)},
                    {"address", to_text(m.address)},
                    {"incarnation", to_string(m.incarnation)},
                    {"state", to_string(m.state)},
                    {"health", to_string(m.health)},
                    {"zone", to_text(m.zone)},
                    {"tags", std::move(tags)}});
  }
  return list.dump();
}

std::string removed_to_json(const std::vector<removal>& removed) {
  ordered_json list = ordered_json::array();
  for (const removal& r : removed)
    list.push_back({{"name", to_text(r.name)},
                    {"incarnation", to_string(r.incarnation)},
                    {"reason", to_string(r.reason)}});
  return list.dump();
}

result<std::vector<member>> members_from_json(std::string_view text) {
  constexpr std::array states{member_state::joining, member_state::up, member_state::leaving};
  constexpr std::array healths{member_health::alive, member_health::degraded};
  return read_list<member>(text, "members", [&](object_reader& fields) {
    member m;
    m.name = fields.text("name");
    m.address = fields.text("address");
    m.incarnation = fields.incarnation();
    m.state = fields.one_of("state", states);
    m.health = fields.one_of("health", healths);
    m.zone = fields.text("zone");
    m.tags = fields.tags();
    return m;
  });
}

result<std::vector<removal>> removed_from_json(std::string_view text) {
  constexpr std::array reasons{removal_reason::left, removal_reason::crashed,
                               removal_reason::silent, removal_reason::replaced};
  return read_list<removal>(text, "removed", [&](object_reader& fields) {
    removal r;
    r.name = fields.text("name");
    r.incarnation = fields.incarnation();
    r.reason = fields.one_of("reason", reasons);
    return r;
  });
}

}  // namespace hedgerow::store
