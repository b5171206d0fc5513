#include "net/stream.h"

#include <algorithm>
#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/address.h"

namespace hedgerow::net {
namespace {

constexpr int unsent_bytes_max = 256 * 1024;
constexpr int keepalive_idle_s = 60;
constexpr int keepalive_interval_s = 10;
constexpr int keepalive_probes = 3;

bool would_block(int error) {
  return error == EAGAIN || error == EINTR;
}

}  // namespace

std::string peer_of(int handle) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  char host[INET6_ADDRSTRLEN] = {};
  if (getpeername(handle, reinterpret_cast<sockaddr*>(&at), &size) != 0) return "nobody";
  if (at.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(at);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    return to_string(host_port{host, ntohs(v4.sin_port)});
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(at);
  inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
  return to_string(host_port{host, ntohs(v6.sin6_port)});
}

void stream::tune() {
  // All are improvements; a kernel that refuses them is slower, not wrong.
  const int on = 1;
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max,
             sizeof unsent_bytes_max);
  setsockopt(socket_.native_handle(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_idle_s,
             sizeof keepalive_idle_s);
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &keepalive_interval_s,
             sizeof keepalive_interval_s);
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_KEEPCNT, &keepalive_probes,
             sizeof keepalive_probes);
}

io_outcome stream::read(std::span<char> into) {
  if (tls_) return tls_->read(into);
  const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  io_outcome out;
  out.bytes = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  out.end = got == 0;
  if (got < 0 && !would_block(errno)) out.error = errno;
  return out;
}

io_outcome stream::write(std::span<const iovec> pieces) {
  if (tls_) return tls_->write(pieces);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  const ssize_t put = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  io_outcome out;
  out.bytes = out.departed = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
  if (put < 0 && !would_block(errno)) out.error = errno;
  return out;
}

void stream::end_writing() {
  if (tls_) tls_->end_writing();
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
