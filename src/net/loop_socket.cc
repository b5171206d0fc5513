#include "net/loop_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hedgerow::net {

int open_socket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

tl::expected<loop_socket, int> loop_socket::adopt(event_loop::impl& loop, int handle) {
  loop_socket out;
  if (const int wrong = loop.sockets.add(handle, out.slot_)) return tl::unexpected(wrong);
  out.loop_ = &loop;
  out.handle_ = handle;
  return out;
}

void loop_socket::close() {
  if (handle_ < 0) return;
  const int handle = std::exchange(handle_, -1);
  event_loop::impl& loop = *loop_;
  const poller::slot slot = slot_;
  // The last words, for the waiter goes with it, and perhaps this socket with the waiter.
  loop.sockets.remove(slot);
  ::close(handle);
}

}  // namespace hedgerow::net
