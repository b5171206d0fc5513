#pragma once
// Which clock a node takes when its user did not say, and which one its store forbids.

#include <string>
#include <string_view>

#include <hedgerow/error.h>

namespace hedgerow {

// `wanted` as in clock/open_clock.h; empty: the machine's clock with a file, "auto" with a database
// that other machines reach. invalid_argument: the machine's own clock with such a database, for
// the boot times of two machines can't be compared.
result<std::string> choose_clock(std::string_view wanted, std::string_view store);

}  // namespace hedgerow
