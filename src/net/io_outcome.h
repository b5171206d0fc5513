#pragma once
// What one non-blocking attempt to read or write has come to.

#include <cerrno>
#include <cstddef>

#include <sys/uio.h>

namespace hedgerow::net {

// Neither bytes nor anything else: it would have blocked.
struct io_outcome {
  std::size_t bytes = 0;
  bool end = false;          // the other side sends no more
  int error = 0;             // errno
  bool more = false;         // reading again gives something now; nobody will wake us for it
  bool insecure = false;     // not encrypted as it must be; the connection is lost
  std::size_t departed = 0;  // of writing: what has left, for the measure of progress
};

// Of an attempt's errno: nothing is wrong, and nothing was moved.
inline bool would_block(int error) {
  return error == EAGAIN || error == EINTR;
}

}  // namespace hedgerow::net
