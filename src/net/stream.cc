#include "net/stream.h"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace hedgerow::net {
namespace {

constexpr int unsent_bytes_max = 256 * 1024;

bool would_block(int error) {
  return error == EAGAIN || error == EINTR;
}

}  // namespace

void stream::tune() {
  // Both are improvements; a kernel that refuses them is slower, not wrong.
  const int on = 1;
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max,
             sizeof unsent_bytes_max);
}

io_outcome stream::read(std::span<char> into) {
  const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  if (got > 0) return {static_cast<std::size_t>(got), false, 0};
  if (got == 0) return {0, true, 0};
  return {0, false, would_block(errno) ? 0 : errno};
}

io_outcome stream::write(std::span<const iovec> pieces) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  const ssize_t put = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put >= 0) return {static_cast<std::size_t>(put), false, 0};
  return {0, false, would_block(errno) ? 0 : errno};
}

void stream::end_writing() {
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

void stream::end_both() {
  ::shutdown(socket_.native_handle(), SHUT_RDWR);
}

void stream::close() {
  if (!socket_.is_open()) return;
  end_writing();
  boost_error ignored;
  socket_.close(ignored);
}

int open_socket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

}  // namespace hedgerow::net
