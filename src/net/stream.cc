#include "net/stream.h"

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/address.h"
#include "net/ip.h"
#include "net/kernel_calls.h"

namespace hedgerow::net {
namespace {

constexpr int unsent_bytes_max = 256 * 1024;
// Within TCP_USER_TIMEOUT, which ends an idle connection upon the first probe that is lost beyond
// it, whatever the number of probes.
constexpr int keepalive_idle_s = 4;
constexpr int keepalive_interval_s = 2;
constexpr int keepalive_probes = 3;
constexpr int unacknowledged_ms = 10'000;

}  // namespace

std::string peer_of(int handle) {
  const auto other = remote_end(handle);
  return other ? to_string(host_port{other->host.to_string(), other->port}) : "nobody";
}

void stream::tune() {
  // All are improvements; a kernel that refuses them is slower, not wrong.
  const int on = 1;
  setsockopt(handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max, sizeof unsent_bytes_max);
  setsockopt(handle(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(handle(), IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_idle_s, sizeof keepalive_idle_s);
  setsockopt(handle(), IPPROTO_TCP, TCP_KEEPINTVL, &keepalive_interval_s,
             sizeof keepalive_interval_s);
  setsockopt(handle(), IPPROTO_TCP, TCP_KEEPCNT, &keepalive_probes, sizeof keepalive_probes);
  // Keep-alive says nothing while something is unacknowledged, and the kernel would try for a
  // quarter of an hour, in the end every two minutes.
  setsockopt(handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

io_outcome stream::read(std::span<char> into) {
  if (tls_) return tls_->read(into);
  const ssize_t got = kernel::recv(handle(), into.data(), into.size(), MSG_DONTWAIT);
  io_outcome out;
  out.bytes = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  out.end = got == 0;
  if (got < 0 && !would_block(errno)) out.error = errno;
  return out;
}

io_outcome stream::write(std::span<const iovec> pieces) {
  if (tls_) return tls_->write(pieces);
  constexpr int how = MSG_DONTWAIT | MSG_NOSIGNAL;
  ssize_t put = 0;
  if (pieces.size() == 1) {  // nearly always, and a good deal cheaper
    put = kernel::send(handle(), pieces[0].iov_base, pieces[0].iov_len, how);
  } else {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    put = ::sendmsg(handle(), &message, how);
  }
  io_outcome out;
  out.bytes = out.departed = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
  if (put < 0 && !would_block(errno)) out.error = errno;
  return out;
}

void stream::end_writing() {
  if (tls_) tls_->end_writing();
  ::shutdown(handle(), SHUT_WR);
}

void stream::end_both() {
  ::shutdown(handle(), SHUT_RDWR);
}

void stream::close() {
  if (!socket_.is_open()) return;
  end_writing();
  socket_.close();
}

}  // namespace hedgerow::net
