#pragma once
// Results to stdout.

#include <string_view>

#include <hedgerow/error.h>

namespace hedgerow::tools {

// All of it, at once; errors are those of write(2): a full disk, a reader that is gone.
result<void> print(std::string_view text);

// As print; then a newline if a person looks at it and there is none.
result<void> print_payload(std::string_view bytes);

}  // namespace hedgerow::tools
