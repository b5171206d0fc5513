#include "net/acceptor.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/advertise.h"
#include "net/ip.h"
#include "net/name_lookup.h"
#include "net/stream.h"

namespace hedgerow::net {
namespace {

// What does not fit is dropped by the kernel, and tried again a second later: a burst of strangers
// must not cost an honest one that second.
constexpr int backlog = 4096;
constexpr int accepts_per_turn = 64;
constexpr rlim_t reserved_descriptors_max = 64;
constexpr auto pause_length = milliseconds(50);

std::string text_of(int error) {
  return std::system_category().message(error);
}

int open_spare() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

// The kernel hands out the lowest free descriptor: one near the limit is among the last. The limit
// is asked for anew, for it may be changed from outside.
bool is_scarce(int handle) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  const rlim_t reserve = std::min<rlim_t>(reserved_descriptors_max, limit.rlim_cur / 8);
  return static_cast<rlim_t>(handle) >= limit.rlim_cur - reserve;
}

result<endpoint> resolve(const host_port& wanted) {
  const name_answer answer = look_up(wanted.host);
  if (answer.addresses.empty()) {
    return fail(errc::invalid_argument,
                fmt::format("cannot resolve --listen {}: {}", wanted.host, answer.error));
  }
  return endpoint{answer.addresses.front(), wanted.port};
}

tl::unexpected<error> cannot_listen(const std::string& at, int why) {
  switch (why) {
    case EADDRINUSE:
      return fail(errc::address_in_use,
                  fmt::format("address in use: {}; choose another --listen or port 0", at));
    case EADDRNOTAVAIL:
      return fail(errc::invalid_argument,
                  fmt::format("cannot listen on {}: this machine has no such address", at));
    case EAFNOSUPPORT:
      return fail(errc::invalid_argument,
                  fmt::format("cannot listen on {}: this system has no IPv6", at));
    case EACCES:
      return fail(errc::invalid_argument,
                  fmt::format("not allowed to listen on {}; choose a port above 1023", at));
    default:
      return fail(errc::internal, fmt::format("cannot listen on {}: {}", at, text_of(why)));
  }
}

// 0 or errno.
int bind_and_listen(int handle, const endpoint& at) {
  // Lets a restarted process have its port back while old connections are still in TIME_WAIT. On
  // Linux it does not let two processes listen on the same port.
  const int on = 1;
  if (setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return errno;
  // [::] is every address of both families, whatever the system's default is.
  const int off = 0;
  if (at.host.family() == AF_INET6 &&
      setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
    return errno;
  const socket_address where(at);
  if (::bind(handle, where.data(), where.size()) != 0) return errno;
  if (::listen(handle, backlog) != 0) return errno;
  return 0;
}

}  // namespace

result<listening_socket> listen_on(event_loop::impl& loop, const listen_options& options) {
  const auto wanted = parse_host_port(options.listen);
  if (!wanted) return tl::unexpected<error>(wanted.error());
  const auto at = resolve(*wanted);
  if (!at) return tl::unexpected<error>(at.error());
  if (!is_loopback(at->host) && !options.allow_non_loopback) {
    return fail(
        errc::invalid_argument,
        fmt::format("plain text is for loopback only; to listen on {} give --secret-file or "
                    "certificates; unencrypted, for everybody who can reach it, say "
                    "--insecure",
                    options.listen));
  }
  const int handle = open_socket(at->host.family());
  if (handle < 0) return cannot_listen(options.listen, errno);
  auto socket = loop_socket::adopt(loop, handle);
  if (!socket) {
    ::close(handle);
    return cannot_listen(options.listen, socket.error());
  }
  if (const int wrong = bind_and_listen(handle, *at)) return cannot_listen(options.listen, wrong);
  const auto bound = local_end(handle);
  if (!bound) return cannot_listen(options.listen, errno);
  auto address = advertised(options.advertise, options.route_to, *bound);
  if (!address) return tl::unexpected<error>(address.error());
  return listening_socket{std::move(*socket), std::move(*address)};
}

acceptor::acceptor(event_loop::impl& loop, loop_socket socket, bookkeeper& books,
                   std::function<bool(bool)> wanted, std::string farewell, handler accepted)
    : loop_(loop),
      socket_(std::move(socket)),
      pause_(loop),
      wanted_(std::move(wanted)),
      farewell_(std::move(farewell)),
      accepted_(std::move(accepted)),
      books_(books),
      spare_(open_spare()) {}

acceptor::~acceptor() {
  if (spare_ >= 0) ::close(spare_);
}

void acceptor::start() {
  socket_.serve(shared_from_this());
  socket_.want_read();
}

void acceptor::stop() {
  pause_.cancel();
  socket_.close();
}

void acceptor::on_readable() {
  step next = step::again;
  for (int i = 0; i < accepts_per_turn && next == step::again && socket_.is_open(); ++i)
    next = accept_one();
  if (!socket_.is_open()) return;
  if (next == step::pause) {
    pause_.set(boot_now() + pause_length, weak_from_this());
  } else {
    socket_.want_read();
  }
}

void acceptor::on_due() {
  socket_.want_read();
}

acceptor::step acceptor::accept_one() {
  const int handle = ::accept4(socket_.handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (handle >= 0) {
    if (!wanted_(is_scarce(handle))) {
      refuse(handle, "too many connections");
      return step::again;
    }
    auto socket = loop_socket::adopt(loop_, handle);
    if (!socket) {
      turn_away(handle);
      return step::pause;
    }
    accepted_(std::move(*socket));
    return step::again;
  }
  switch (errno) {
    case EAGAIN:
      return step::wait;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return out_of_descriptors(errno);
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      books_.note(occurrence::connections_turned_away, "all", text_of(errno));
      return step::pause;
    default:  // of the connection that was to be accepted, not of ours
      return step::again;
  }
}

acceptor::step acceptor::out_of_descriptors(int error) {
  if (spare_ >= 0) ::close(spare_);
  const int handle = ::accept4(socket_.handle(), nullptr, nullptr, SOCK_CLOEXEC);
  books_.note(occurrence::descriptors_exhausted, handle >= 0 ? peer_of(handle) : "nobody",
              text_of(error));
  if (handle >= 0) refuse(handle, text_of(error));
  spare_ = open_spare();
  return handle >= 0 ? step::again : step::pause;
}

void acceptor::refuse(int handle, std::string_view why) {
  books_.note(occurrence::connections_turned_away, peer_of(handle), why);
  turn_away(handle);
}

// Ends with FIN and not with RST, which would mean that nobody is here: see stream::close.
void acceptor::turn_away(int handle) {
  ::send(handle, farewell_.data(), farewell_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(handle, SHUT_WR);
  ::close(handle);
}

}  // namespace hedgerow::net
