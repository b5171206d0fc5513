#include "net/connector.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

namespace hedgerow::net {

ports::dial_failure failure_of(int error) {
  return error == ECONNREFUSED || error == ECONNRESET ? ports::dial_failure::refused
                                                      : ports::dial_failure::silent;
}

bool is_connected_to_itself(int handle) {
  const auto here = local_end(handle);
  const auto there = remote_end(handle);
  return here && there && *here == *there;
}

connector::connector(event_loop::impl& loop, bool allow_non_loopback, handler done)
    : loop_(loop), allow_non_loopback_(allow_non_loopback), done_(std::move(done)) {}

void connector::start(const std::string& address) {
  address_ = address;
  const auto parsed = parse_host_port(address);
  // Linux answers a connect to port 0 with ECONNREFUSED, which proves nothing about anybody.
  if (!parsed || parsed->port == 0) {
    loop_.post([self = shared_from_this(), address] {
      self->finish({{},
                    ports::dial_failure::silent,
                    fmt::format("cannot connect to '{}': not an address", address),
                    false});
    });
    return;
  }
  const auto host = ip_address::parse(parsed->host);
  if (host && (allow_non_loopback_ || is_loopback(*host))) {
    left_.push_back({*host, parsed->port});
    try_next();
  } else if (host) {
    loop_.post([self = shared_from_this(), host = *host, port = parsed->port] {
      self->resolved({{host}, {}}, port);
    });
  } else {
    lookup_ = loop_.names.start(
        parsed->host, [weak = weak_from_this(), port = parsed->port](const name_answer& answer) {
          if (const auto self = weak.lock()) self->resolved(answer, port);
        });
  }
}

void connector::resolved(const name_answer& answer, std::uint16_t port) {
  if (!done_) return;
  if (answer.addresses.empty()) {
    finish({{},
            ports::dial_failure::silent,
            fmt::format("cannot resolve {}: {}", address_, answer.error),
            false});
    return;
  }
  for (const auto& each : answer.addresses) {
    if (allow_non_loopback_ || is_loopback(each)) left_.insert(left_.begin(), {each, port});
  }
  if (left_.empty()) {
    finish({{},
            ports::dial_failure::silent,
            fmt::format("plain text is for loopback only; to connect to {} give --secret-file or "
                        "certificates; unencrypted, for everybody on the way to read and to "
                        "change, say --insecure",
                        address_),
            true});
    return;
  }
  try_next();
}

void connector::cancel() {
  done_ = nullptr;
  loop_.names.cancel(lookup_);
  socket_.close();
}

void connector::try_next() {
  const endpoint target = left_.back();
  left_.pop_back();
  const int error = connect_to(target);
  if (error != 0) loop_.post([self = shared_from_this(), error] { self->failed_one(error); });
}

// 0: on_writable follows; else errno.
int connector::connect_to(const endpoint& target) {
  const int handle = open_socket(target.host.family());
  if (handle < 0) return errno;
  auto socket = loop_socket::adopt(loop_, handle);
  if (!socket) {
    ::close(handle);
    return socket.error();
  }
  const socket_address there(target);
  if (::connect(handle, there.data(), there.size()) != 0 && errno != EINPROGRESS && errno != EINTR)
    return errno;
  socket_ = std::move(*socket);
  socket_.serve(shared_from_this());
  socket_.want_write();
  return 0;
}

void connector::on_writable() {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket_.handle(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0 && is_connected_to_itself(socket_.handle())) error = ECONNREFUSED;
  if (error != 0) {
    failed_one(error);
  } else {
    finish({std::move(socket_), ports::dial_failure::silent, {}, false});
  }
}

void connector::failed_one(int error) {
  if (!done_) return;
  socket_.close();
  if (failure_of(error) == ports::dial_failure::silent) failure_.why = ports::dial_failure::silent;
  failure_.text =
      fmt::format("cannot connect to {}: {}", address_, std::system_category().message(error));
  if (left_.empty()) {
    finish(std::move(failure_));
  } else {
    try_next();
  }
}

void connector::finish(outcome result) {
  if (!done_) return;
  loop_.turn([&] { std::exchange(done_, nullptr)(std::move(result)); });
}

}  // namespace hedgerow::net
