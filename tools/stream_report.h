#pragma once
// What `hedgerow stream` says at its end.

#include <optional>
#include <vector>

#include <hedgerow/stream.h>

namespace hedgerow::tools {

struct stream_circumstances {
  bool as_json = false;
  bool to_all = false;
  std::optional<error> failure;  // that cancelled them all, of this process
  int signal = 0;                // that did
};

// A line on stderr for each stream that failed, and the last line of JSON on stdout. Returns the
// exit code. All must have ended.
int report_streams(const std::vector<member_stream>& all, const stream_circumstances& how);

}  // namespace hedgerow::tools
