#pragma once
// Where the payload of a message comes from.

#include <cstddef>
#include <optional>
#include <string>

#include <hedgerow/error.h>

namespace hedgerow::tools {

// The text, or all of `fd` (stdin) without a text or with "-". Reads no more than one byte over the
// limit. errc::invalid_argument: no text, and `fd` is a terminal; errc::too_large.
result<std::string> read_payload(const std::optional<std::string>& text, int fd,
                                 std::size_t bytes_max);

}  // namespace hedgerow::tools
