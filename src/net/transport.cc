#include "net/transport.h"

#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/assert.h"
#include "net/acceptor.h"
#include "net/loop_impl.h"
#include "net/session.h"
#include "wire/handshake.h"

namespace hedgerow::net {
namespace {

constexpr std::size_t scratch_bytes = 64 * 1024;

std::string farewell() {
  std::string frame;
  const auto done =
      wire::encode(wire::rejection{wire::protocol_version, wire::rejection_code::too_many,
                                   "too many connections", std::nullopt},
                   frame);
  HEDGEROW_ASSERT(done);
  return frame;
}

}  // namespace

class transport::impl final : public session_host, public turn_hook {
 public:
  impl(event_loop& loop, ports::transport_listener& listener, transport_options options)
      : loop_(loop.internals()),
        listener_(listener),
        limits_(std::move(options)),
        settings_{limits_.group,           limits_.payload_bytes_max,
                  limits_.queue_bytes_max, limits_.handshake_timeout,
                  limits_.linger,          limits_.allow_non_loopback},
        scratch_(scratch_bytes) {
    loop_.add(this);
  }

  ~impl() override {
    loop_.remove(this);
    if (acceptor_) acceptor_->stop();
    for (const auto& [id, each] : sessions_)
      each->drop();
  }

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void listen(listening_socket socket, ports::log& log) {
    log_ = &log;
    address_ = std::move(socket.address);
    acceptor_ = std::make_shared<acceptor>(
        loop_, std::move(socket.socket), log,
        [this] {
          return strangers_.size() < limits_.strangers_max &&
                 sessions_.size() < limits_.connections_max;
        },
        farewell(), [this](tcp::socket accepted) { take_in(std::move(accepted)); });
  }

  const std::string& address() const { return address_; }

  void assume(const ports::peer& self) {
    HEDGEROW_ASSERT(self.name.size() <= limits::name_bytes_max &&
                    self.address.size() <= limits::address_bytes_max);
    std::vector<std::shared_ptr<session>> all;
    for (const auto& [id, each] : sessions_)
      all.push_back(each);
    for (const auto& each : all)
      close(each->id());
    self_ = self;
    if (acceptor_ && !accepting_) {
      accepting_ = true;
      acceptor_->start();
    }
  }

  ports::connection_id dial(const std::string& address, const incarnation& expected,
                            nanoseconds patience) {
    const auto who = std::make_shared<session>(loop_, *this, ++last_id_);
    sessions_.emplace(who->id(), who);
    if (sessions_.size() > limits_.connections_max) {
      loop_.post([who] { who->give_up("too many connections of our own"); });
    } else if (self_.role == ports::peer_role::member && self_.incarnation.empty()) {
      loop_.post([who] { who->give_up("no identity yet"); });
    } else {
      who->dial(address, expected, patience);
    }
    return who->id();
  }

  bool send(ports::connection_id id, const message::any& what) {
    const auto at = sessions_.find(id);
    return at != sessions_.end() && at->second->send(what);
  }

  void close(ports::connection_id id) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) return;
    const auto who = at->second;
    who->close();
    if (who->is_closed()) forget(id);
  }

 private:
  const settings& options() const override { return settings_; }
  const ports::peer& self() const override { return self_; }
  std::span<char> scratch() override { return scratch_; }

  void wants_flush(std::shared_ptr<session> who) override {
    if (!loop_.in_turn() && unflushed_.empty()) loop_.post([] {});  // its turn will end
    unflushed_.push_back(std::move(who));
  }

  void on_turn_end() override {
    // Nothing is added meanwhile: flush makes no calls.
    for (const auto& each : unflushed_)
      each->flush();
    unflushed_.clear();
  }

  void take_in(tcp::socket accepted) {
    const auto who = std::make_shared<session>(loop_, *this, ++last_id_);
    sessions_.emplace(who->id(), who);
    strangers_.insert(who->id());
    who->accept(std::move(accepted));
  }

  void on_session_open(session& who, const ports::peer& other) override {
    strangers_.erase(who.id());
    listener_.on_open(who.id(), other);
  }

  void on_session_message(session& who, message::any&& what) override {
    listener_.on_message(who.id(), std::move(what));
  }

  // A client tells its caller; a node would go on in vain without a word.
  void on_dial_forbidden(const std::string& why) override {
    if (log_ == nullptr || why == forbidden_told_) return;
    forbidden_told_ = why;
    log_->write(severity::warning, why);
  }

  void on_session_over(session& who, const ending& how) override {
    forget(who.id());
    switch (how.what) {
      case ending::kind::silent:
        return;
      case ending::kind::dial_failed:
        listener_.on_dial_failed(who.id(), how.why, how.actual, how.text);
        return;
      case ending::kind::closed:
        listener_.on_closed(who.id(), how.text);
        return;
    }
  }

  void forget(ports::connection_id id) {
    strangers_.erase(id);
    sessions_.erase(id);
  }

  event_loop::impl& loop_;
  ports::transport_listener& listener_;
  const transport_options limits_;
  const settings settings_;
  ports::peer self_;
  std::string address_;
  ports::log* log_ = nullptr;   // of a listener
  std::string forbidden_told_;  // the last that was said; it would be said at each dial
  std::shared_ptr<acceptor> acceptor_;
  bool accepting_ = false;
  ports::connection_id last_id_ = 0;
  // With those that are being closed, whose ids the listener has forgotten.
  std::unordered_map<ports::connection_id, std::shared_ptr<session>> sessions_;
  std::unordered_set<ports::connection_id> strangers_;
  std::vector<std::shared_ptr<session>> unflushed_;
  std::vector<char> scratch_;
};

transport::transport(std::unique_ptr<impl> inside) : impl_(std::move(inside)) {}

transport::~transport() = default;

result<std::unique_ptr<transport>> transport::open(event_loop& loop,
                                                   ports::transport_listener& listener,
                                                   ports::log& log, transport_options options) {
  if (options.group.size() > wire::group_bytes_max) {
    return fail(errc::invalid_argument, "the group's name has more than 255 bytes");
  }
  if (options.payload_bytes_max > limits::payload_bytes_max) {
    return fail(errc::invalid_argument,
                fmt::format("payloads of {} bytes are too large; at most {}",
                            options.payload_bytes_max, limits::payload_bytes_max));
  }
  std::optional<listening_socket> socket;
  if (!options.listen.empty()) {
    auto bound = listen_on(loop.internals(), {options.listen, options.advertise, options.route_to,
                                              options.allow_non_loopback});
    if (!bound) return tl::unexpected<error>(std::move(bound.error()));
    socket = std::move(*bound);
  }
  auto inside = std::make_unique<impl>(loop, listener, std::move(options));
  if (socket) inside->listen(std::move(*socket), log);
  return std::unique_ptr<transport>(new transport(std::move(inside)));
}

const std::string& transport::address() const {
  return impl_->address();
}

void transport::assume(const ports::peer& self) {
  impl_->assume(self);
}

ports::connection_id transport::dial(const std::string& address, const incarnation& expected,
                                     nanoseconds patience) {
  return impl_->dial(address, expected, patience);
}

bool transport::send(ports::connection_id id, const message::any& what) {
  return impl_->send(id, what);
}

void transport::close(ports::connection_id id) {
  impl_->close(id);
}

}  // namespace hedgerow::net
