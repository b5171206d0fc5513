#pragma once
// Lines from a descriptor, one at a time, until somebody calls it off.

#include <cstddef>
#include <optional>
#include <string>

#include <hedgerow/error.h>

#include "tools/shell_process.h"

namespace hedgerow::tools {

// For one reading thread; interrupt() is for any.
class line_source {
 public:
  // Does not own `fd`. Never holds more than a line of the limit, and one read.
  // Throws std::system_error when this process has no descriptor left.
  line_source(int fd, std::size_t line_bytes_max);

  // Blocks for the next line, which comes without its newline; the last may lack one. Nothing: the
  // end, or interrupt() was called. Errors: too_large, with the line's number; those of read(2).
  result<std::optional<std::string>> next();
  void interrupt();

 private:
  result<bool> fill();

  const int fd_;
  const std::size_t line_bytes_max_;
  descriptor interrupted_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of what was not given out
  std::size_t searched_ = 0;  // there is no newline before
  std::size_t number_ = 0;    // of lines given out
};

}  // namespace hedgerow::tools
