#pragma once
// Where a node's words go.

#include <cstdint>
#include <functional>
#include <string_view>

namespace hedgerow {

enum class severity : std::uint8_t { debug, info, warning, error };

std::string_view to_string(severity level);

// Called on the node's loop thread, or on the thread that starts a node; must not block long and
// must not call the node. The text is one line, valid until return.
using log_sink = std::function<void(severity level, std::string_view text)>;

}  // namespace hedgerow
