#pragma once
// The seam between a session and the network: non-blocking reads and writes, and waiting for
// either. Plain TCP today; encryption goes here.

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include <sys/uio.h>

#include "net/asio.h"

namespace hedgerow::net {

// Of one non-blocking attempt. Neither bytes nor anything else: it would have blocked.
struct io_outcome {
  std::size_t bytes = 0;
  bool end = false;  // the other side sends no more
  int error = 0;     // errno
};

// Who is at the other end, as host:port; for the log.
std::string peer_of(int handle);

class stream {
 public:
  explicit stream(tcp::socket socket) : socket_(std::move(socket)) {}

  // Small writes leave at once, and little of what is written waits in the kernel, where control
  // frames could not overtake it any more. A peer whose host is gone is noticed in 90 s.
  void tune();

  std::string peer() const { return peer_of(handle()); }

  io_outcome read(std::span<char> into);
  io_outcome write(std::span<const iovec> pieces);

  // Handler: void(const boost_error&). At most one wait for each at a time; waiting does not try.
  template <class Handler>
  void wait_readable(Handler handler) {
    socket_.async_wait(tcp::socket::wait_read, std::move(handler));
  }
  template <class Handler>
  void wait_writable(Handler handler) {
    socket_.async_wait(tcp::socket::wait_write, std::move(handler));
  }

  void end_writing();  // the other side reads what was written, then the end
  void end_both();     // reads see what has arrived, then the end
  // Always after end_writing: closing with unread bytes would send RST, which means "nobody there"
  // to a peer that dials.
  void close();

 private:
  int handle() const { return const_cast<tcp::socket&>(socket_).native_handle(); }

  tcp::socket socket_;
};

// A non-blocking socket that programs started later do not inherit; -1 and errno.
int open_socket(int family);

}  // namespace hedgerow::net
