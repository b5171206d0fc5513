#pragma once
// A payload: immutable and shared, so that a broadcast to a hundred members holds it once.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hedgerow {

using bytes = std::shared_ptr<const std::string>;

inline bytes make_bytes(std::string_view text) {
  return std::make_shared<const std::string>(text);
}
inline std::string_view as_view(const bytes& b) {
  return b ? std::string_view(*b) : std::string_view();
}

// A part of a payload. Without an owner it is borrowed: valid for as long as who handed it over
// says, and copied by whoever keeps it.
struct slice {
  bytes owner;
  std::string_view text;

  slice() = default;
  explicit slice(bytes whole) : owner(std::move(whole)), text(as_view(owner)) {}
  slice(bytes of, std::string_view part) : owner(std::move(of)), text(part) {}

  std::size_t size() const { return text.size(); }
  bool empty() const { return text.empty(); }
  slice first(std::size_t count) const { return {owner, text.substr(0, count)}; }
  void remove_prefix(std::size_t count) { text.remove_prefix(count); }
  // The same bytes, with an owner.
  slice kept() const { return owner || text.empty() ? *this : slice(make_bytes(text)); }
};

}  // namespace hedgerow
