#include "net/connector.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <unistd.h>

#include "net/address.h"
#include "net/ip.h"
#include "net/stream.h"

namespace hedgerow::net {

ports::dial_failure failure_of(int error) {
  return error == ECONNREFUSED || error == ECONNRESET ? ports::dial_failure::refused
                                                      : ports::dial_failure::silent;
}

bool is_connected_to_itself(const tcp::socket& socket) {
  boost_error gone;
  const auto here = socket.local_endpoint(gone);
  const auto there = socket.remote_endpoint(gone);
  return !gone && here == there;
}

connector::connector(event_loop::impl& loop, bool allow_non_loopback, handler done)
    : loop_(loop), allow_non_loopback_(allow_non_loopback), done_(std::move(done)) {}

void connector::start(const std::string& address) {
  address_ = address;
  const auto parsed = parse_host_port(address);
  // Linux answers a connect to port 0 with ECONNREFUSED, which proves nothing about anybody.
  if (!parsed || parsed->port == 0) {
    loop_.post([self = shared_from_this(), address] {
      self->finish({nullptr, ports::dial_failure::silent,
                    fmt::format("cannot connect to '{}': not an address", address), false});
    });
    return;
  }
  boost_error not_literal;
  const auto host = asio::ip::make_address(parsed->host, not_literal);
  if (!not_literal && (allow_non_loopback_ || is_loopback(host))) {
    left_.emplace_back(host, parsed->port);
    try_next();
  } else if (!not_literal) {
    loop_.post([self = shared_from_this(), host, port = parsed->port] {
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
    finish({nullptr, ports::dial_failure::silent,
            fmt::format("cannot resolve {}: {}", address_, answer.error), false});
    return;
  }
  for (const auto& each : answer.addresses) {
    if (allow_non_loopback_ || is_loopback(each)) left_.emplace(left_.begin(), each, port);
  }
  if (left_.empty()) {
    finish({nullptr, ports::dial_failure::silent,
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
  boost_error ignored;
  if (socket_) socket_->close(ignored);
}

void connector::try_next() {
  const tcp::endpoint target = left_.back();
  left_.pop_back();
  const int handle = open_socket(target.protocol().family());
  int error = handle < 0 ? errno : 0;
  socket_ = std::make_shared<tcp::socket>(loop_.context);
  if (handle >= 0) {
    boost_error unusable;
    socket_->assign(target.protocol(), handle, unusable);
    if (unusable) {
      error = unusable.value();
      ::close(handle);
    }
  }
  if (error != 0) {
    loop_.post([self = shared_from_this(), error] { self->failed_one(error); });
    return;
  }
  socket_->async_connect(
      target, [self = shared_from_this()](const boost_error& failed) { self->connected(failed); });
}

void connector::connected(const boost_error& failed) {
  if (!done_) return;
  if (failed) {
    failed_one(failed.value());
    return;
  }
  if (is_connected_to_itself(*socket_)) {
    failed_one(ECONNREFUSED);
    return;
  }
  // Once a socket has waited to become writable, Asio wakes for that at every read, too. A fresh
  // registration forgets it.
  boost_error unusable;
  const auto protocol = socket_->local_endpoint(unusable).protocol();
  const int handle = socket_->release(unusable);
  socket_ = std::make_shared<tcp::socket>(loop_.context);
  socket_->assign(protocol, handle, unusable);
  if (unusable) {
    ::close(handle);
    failed_one(unusable.value());
    return;
  }
  finish({std::move(socket_), ports::dial_failure::silent, {}, false});
}

void connector::failed_one(int error) {
  if (!done_) return;
  socket_.reset();
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
