#pragma once
// Results to stdout.

#include <string_view>
#include <system_error>

#include <hedgerow/error.h>

namespace hedgerow::tools {

// All of it, also to what is non-blocking. Why not, if not: an errno of write(2).
std::error_code write_all(int fd, std::string_view bytes);

// All of it, at once; errors are those of write(2): a full disk, a reader that is gone.
result<void> print(std::string_view text);

// As print; then a newline if a person looks at it and there is none.
result<void> print_payload(std::string_view bytes);

}  // namespace hedgerow::tools
