#pragma once
// A shell command as the handler of one message.

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hedgerow/error.h>

namespace hedgerow::tools {

struct shell_command {
  std::string command;                                           // for /bin/sh -c
  std::string_view input;                                        // its stdin
  std::vector<std::pair<std::string, std::string>> environment;  // beside the inherited one
  std::chrono::nanoseconds time_left{};                          // killed when it is over
  std::stop_token stop;                                          // killed when this is requested
  std::size_t output_bytes_max = 0;                              // more on stdout: killed
};

// Runs the command in a process group of its own, with no descriptor but its three, and returns
// what it wrote to stdout. Blocks until the shell has ended and is reaped; whatever is left of its
// group is then killed, so nothing of a handler outlives its answer. A command need not read its
// input. Thread-safe. Requires: SIGPIPE is ignored.
//
// Errors, all errc::handler_failed: "exit status 3: last line of stderr", "killed by signal 9",
// "killed: the deadline passed", "killed: leadership ended or the agent stops", more output than
// allowed, and a process that could not be started.
result<std::string> run_shell_command(const shell_command& what);

}  // namespace hedgerow::tools
