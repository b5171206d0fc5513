#include <array>
#include <cstddef>

#include <hedgerow/log.h>

namespace hedgerow {

std::string_view to_string(severity level) {
  constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};
  return names.at(static_cast<std::size_t>(level));
}

}  // namespace hedgerow
