#pragma once
// A payload: immutable and shared, so that a broadcast to a hundred members holds it once.

#include <memory>
#include <string>
#include <string_view>

namespace hedgerow {

using bytes = std::shared_ptr<const std::string>;

inline bytes make_bytes(std::string_view text) {
  return std::make_shared<const std::string>(text);
}
inline std::string_view as_view(const bytes& b) {
  return b ? std::string_view(*b) : std::string_view();
}

}  // namespace hedgerow
