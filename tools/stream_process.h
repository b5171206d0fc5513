#pragma once
// A shell command as the handler of one stream: lines in, lines out.

#include <cstddef>
#include <string>

#include <hedgerow/stream.h>

namespace hedgerow::tools {

struct stream_command {
  std::string command;  // for /bin/sh -c
  std::string group;
  std::string kind;                // "leader" or "all"
  std::size_t line_bytes_max = 0;  // of a line that it writes
};

// Each message becomes a line of the command's stdin, each line of its stdout a message back; the
// pipes hold either side up for the other. A message is acknowledged once it is in the pipe. Its
// environment has HEDGEROW_TOKEN, _FROM, _GROUP, _STREAM_KIND, with a deadline _REMAINING_MS, and
// _META_<KEY> for metadata whose key is letters, digits and underscores, in capitals.
//
// Blocks until the shell has ended and is reaped. A value: exit status 0. When the stream ends
// first, its process group gets SIGTERM, and SIGKILL a quarter of a second later; whatever is left
// of the group after an exit is killed, too. For the thread of a stream handler: the shell dies
// with it. Requires: SIGPIPE is ignored.
//
// Errors, all errc::handler_failed and not before what it wrote is consumed: "exit status 3: last
// line of stderr", "killed by signal 9", a line over the limit, and a process that could not be
// started.
result<void> run_stream_command(const stream_command& what, stream& with);

}  // namespace hedgerow::tools
