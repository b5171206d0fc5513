#pragma once
// Where the command's log goes: stderr, through spdlog.

#include <memory>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/log.h>

namespace spdlog {
class logger;
}

namespace hedgerow::tools {

struct log_setup {
  severity level = severity::warning;
  log_sink sink;  // for the library; empty when the level is "off"
};

// The levels that --log-level takes.
const std::vector<std::string_view>& log_levels();

// Requires: `level` is one of log_levels(). The sink never blocks.
log_setup start_logging(std::string_view level);

// As complain(), on the way of the log: never blocks. For what goes on, and must still see signals.
void remark(const error& why);

// Lets what was logged reach stderr, for at most a moment.
void finish_logging();

}  // namespace hedgerow::tools
