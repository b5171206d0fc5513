#pragma once
// Lines to a descriptor whose slow reader holds up who writes, until somebody calls it off.

#include <mutex>
#include <string_view>

#include <hedgerow/error.h>

#include "tools/shell_process.h"

namespace hedgerow::tools {

// Thread-safe; lines stay whole.
class line_sink {
 public:
  // Does not own it. Throws std::system_error when this process has no descriptor left.
  explicit line_sink(int fd);

  // Blocks until all of it is written. Errors: those of write(2); stopped, after interrupt().
  result<void> write(std::string_view line);
  // Ends what blocks, perhaps within a line, and all that follows.
  void interrupt();

 private:
  result<void> write_bytes(std::string_view bytes);

  const int fd_;
  descriptor interrupted_;
  std::mutex mutex_;
};

}  // namespace hedgerow::tools
