#include "net/transport.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/assert.h"
#include "net/acceptor.h"
#include "net/loop_impl.h"
#include "net/session.h"
#include "net/sweep.h"
#include "net/tls_keeper.h"
#include "wire/handshake.h"

namespace hedgerow::net {
namespace {

constexpr std::size_t scratch_bytes = 256 * 1024;
// Of frames that are not the data of a stream: thousands fit, and others want their turn.
constexpr std::size_t plain_scratch_bytes = 64 * 1024;
constexpr std::size_t many_sessions = 64;
constexpr auto idle_least = seconds(1);
constexpr std::size_t displaced_at_once = 64;
constexpr auto full_pause = milliseconds(100);
constexpr std::size_t shed_least = 16 * 1024;
// A fast connection drains and is filled so often before the other sockets have their turn.
constexpr int drains_per_turn = 4;

// In the clear, to who has no encrypted connection yet: a TLS alert, internal_error.
constexpr std::string_view encrypted_farewell("\x15\x03\x03\x00\x02\x02\x50", 7);

std::string farewell(bool encrypted) {
  if (encrypted) return std::string(encrypted_farewell);
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
  impl(event_loop& loop, ports::transport_listener& listener, ports::log& log,
       transport_options options, std::unique_ptr<tls_keeper> security)
      : loop_(loop.internals()),
        listener_(listener),
        limits_(std::move(options)),
        settings_{limits_.group,
                  limits_.payload_bytes_max,
                  limits_.queue_bytes_max,
                  limits_.handshake_timeout,
                  limits_.stall_timeout,
                  limits_.linger,
                  limits_.retired_grace,
                  limits_.retired_max,
                  limits_.allow_non_loopback || security->current() != nullptr},
        security_(std::move(security)),
        books_(log),
        sweep_(std::make_shared<sweep>(loop_,
                                       std::min<nanoseconds>(seconds(1), limits_.stall_timeout / 4),
                                       [this](bool paused) { return look_after(paused); })),
        file_watch_(std::make_shared<sweep>(loop_, seconds(1),
                                            [this](bool) {
                                              if (security_->look()) retire_sessions();
                                              return true;
                                            })),
        scratch_(scratch_bytes) {
    loop_.add(this);
    if (is_encrypted()) file_watch_->want();
  }

  ~impl() override {
    *there_ = false;
    loop_.remove(this);
    sweep_->stop();
    file_watch_->stop();
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
        loop_, std::move(socket.socket), books_, [this](bool scarce) { return make_room(scarce); },
        farewell(is_encrypted()), [this](loop_socket accepted) { take_in(std::move(accepted)); });
  }

  result<void> reload_security() {
    auto done = security_->reload();
    if (done && is_encrypted()) retire_sessions();
    return done;
  }

  result<void> check_name(const std::string& name) const {
    if (!is_encrypted() || security_->current()->may_be(name)) return {};
    return fail(errc::invalid_argument,
                fmt::format("the certificate is for '{}', and this member is '{}': give it one of "
                            "those names with --name, or a certificate with its name",
                            security_->current()->own_names(), name));
  }

  const std::string& address() const { return address_; }
  std::shared_ptr<const tally> counts() const { return books_.numbers(); }

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
    const auto who = std::make_shared<session>(loop_, *this, ++last_id_, session::origin::dialled);
    add(who);
    if (sessions_.size() - accepted_ > limits_.connections_max) {
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

  void set_busy(ports::connection_id id, bool busy) {
    const auto at = sessions_.find(id);
    if (at != sessions_.end()) at->second->set_busy(busy);
  }

  void close(ports::connection_id id) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) return;
    const auto who = at->second;
    who->close();
    if (who->is_closed()) forget(who);
  }

 private:
  const settings& options() const override { return settings_; }
  const ports::peer& self() const override { return self_; }
  std::span<char> scratch(bool for_stream) override {
    // With many connections each gets less, so that the others have their turn sooner.
    return sessions_.size() > many_sessions
               ? std::span(scratch_).first(wire::frame_reader::scratch_bytes_min)
               : std::span(scratch_).first(for_stream ? scratch_bytes : plain_scratch_bytes);
  }
  std::shared_ptr<const tls_context> security() override { return security_->current(); }
  std::shared_ptr<tls_workspace> workspace() override { return workspace_; }
  bookkeeper& books() override { return books_; }
  void wants_watch() override { sweep_->want(); }
  void on_held(std::ptrdiff_t change) override {
    held_ += static_cast<std::size_t>(change);  // wraps around, and back
    if (held_ > limits_.held_bytes_max) sweep_->soon();
  }

  void wants_flush(std::shared_ptr<session> who) override {
    if (!loop_.in_turn() && !ending_ && unflushed_.empty()) end_another_turn();
    unflushed_.push_back(std::move(who));
  }
  void has_drained(std::shared_ptr<session> who) override { drained_.push_back(std::move(who)); }

  void end_another_turn() {
    loop_.post([] {});
  }

  void flush_now() override { flush_all(); }

  void on_turn_end() override {
    ending_ = true;
    flush_all();
    for (int i = 0; i < drains_per_turn && !drained_.empty(); ++i) {
      if (!tell_drained()) return;
      flush_all();
    }
    ending_ = false;
    if (!drained_.empty()) end_another_turn();
  }

  void flush_all() {
    // Nothing is added meanwhile: flush makes no calls that would send.
    for (const auto& each : unflushed_)
      each->flush();
    unflushed_.clear();
  }

  // False: the listener has destroyed this transport.
  bool tell_drained() {
    const auto there = there_;
    const auto all = std::exchange(drained_, {});
    for (const auto& each : all) {
      const std::size_t bytes = each->take_drained();
      if (bytes > 0) listener_.on_drained(each->id(), bytes);
      if (!*there) return false;
    }
    return true;
  }
  bool is_encrypted() const { return security_->current() != nullptr; }

  void retire_sessions() {
    const boot_time now = boot_now();
    const auto all = sessions_;
    const auto newer = security_->current();
    const auto there = there_;
    for (const auto& [id, each] : all) {
      each->retire(*newer, now);
      if (!*there) return;
    }
  }

  void take_in(loop_socket accepted) {
    const auto who = std::make_shared<session>(loop_, *this, ++last_id_, session::origin::accepted);
    books_.add(occurrence::connections_accepted);
    ++accepted_;
    add(who);
    strangers_.insert(who->id());
    who->accept(std::move(accepted));
  }

  void add(const std::shared_ptr<session>& who) {
    sessions_.emplace(who->id(), who);
    books_.set_open(sessions_.size());
  }

  // Whether one more may be accepted.
  bool make_room(bool scarce) {
    if (strangers_.size() >= limits_.strangers_max) {
      const auto oldest = sessions_.at(*strangers_.begin());
      displace(oldest);
    }
    if (!scarce && accepted_ < limits_.connections_max) return true;
    const boot_time now = boot_now();
    if (now < full_until_) return false;
    if (displace_idle(now) > 0) return true;
    full_until_ = now + full_pause;  // looking at all of them for each would be a stall
    return false;
  }

  // Those that were silent for longest, some at once.
  std::size_t displace_idle(boot_time now) {
    std::vector<std::pair<boot_time, std::shared_ptr<session>>> idle;
    for (const auto& [id, each] : sessions_) {
      if (each->idle_since() <= now - idle_least) idle.emplace_back(each->idle_since(), each);
    }
    const std::size_t count = std::min(idle.size(), displaced_at_once);
    std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count), idle.end());
    for (std::size_t i = 0; i < count; ++i)
      displace(idle[i].second);
    return count;
  }

  // `who` must not be the table's own pointer, which goes.
  void displace(const std::shared_ptr<session>& who) {
    if (who->idle_since() != boot_time::never()) {
      who->cut(occurrence::connections_displaced, "silent, and another wants its place");
      return;
    }
    who->note(occurrence::connections_displaced, "no hello, and another wants its place");
    forget(who);
    who->drop_with(farewell(is_encrypted()));
  }

  bool look_after(bool paused) {
    const boot_time now = boot_now();
    const auto all = sessions_;  // ending one may end others
    const auto there = there_;
    bool again = false;
    for (const auto& [id, each] : all) {
      again |= each->check_progress(now, paused);
      if (!*there) return false;
    }
    if (held_ > limits_.held_bytes_max) shed();
    return again;
  }

  // Ends those whose peers keep this node waiting for longest, until the rest is within the limit.
  void shed() {
    std::vector<std::pair<boot_time, std::shared_ptr<session>>> holding;
    for (const auto& [id, each] : sessions_) {
      if (each->held() >= shed_least) holding.emplace_back(each->waiting_since(), each);
    }
    std::sort(holding.begin(), holding.end());
    const auto there = there_;
    for (const auto& [since, each] : holding) {
      if (!*there || held_ <= limits_.held_bytes_max) return;
      if (!each->is_closed())
        each->cut(
            occurrence::buffers_exceeded,
            fmt::format("{} bytes are held for slow peers, {} for this one", held_, each->held()));
    }
  }

  void on_session_open(session& who, const ports::peer& other) override {
    strangers_.erase(who.id());
    listener_.on_open(who.id(), other);
  }

  void on_session_message(session& who, message::any&& what) override {
    listener_.on_message(who.id(), std::move(what));
  }

  void on_session_retired(session& who) override { listener_.on_retired(who.id()); }
  void on_session_ending(session& who, const std::string& why) override {
    listener_.on_closed(who.id(), why);
  }

  // A client tells its caller; a node would go on in vain without a word.
  void on_dial_forbidden(const std::string& why) override {
    if (log_ == nullptr || why == forbidden_told_) return;
    forbidden_told_ = why;
    log_->write(severity::warning, why);
  }

  void on_session_over(session& who, const ending& how) override {
    forget(who.shared_from_this());
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

  void forget(const std::shared_ptr<session>& who) {
    strangers_.erase(who->id());
    if (sessions_.erase(who->id()) > 0 && !who->is_dialer()) --accepted_;
    books_.set_open(sessions_.size());
  }

  event_loop::impl& loop_;
  ports::transport_listener& listener_;
  const transport_options limits_;
  const settings settings_;
  const std::unique_ptr<tls_keeper> security_;
  const std::shared_ptr<tls_workspace> workspace_ = std::make_shared<tls_workspace>();
  bookkeeper books_;
  std::shared_ptr<sweep> sweep_;
  std::shared_ptr<sweep> file_watch_;  // of secrets and certificates
  ports::peer self_;
  std::string address_;
  ports::log* log_ = nullptr;   // of a listener
  std::string forbidden_told_;  // the last that was said; it would be said at each dial
  std::shared_ptr<acceptor> acceptor_;
  bool accepting_ = false;
  ports::connection_id last_id_ = 0;
  // With those that are being closed, whose ids the listener has forgotten.
  std::unordered_map<ports::connection_id, std::shared_ptr<session>> sessions_;
  std::size_t accepted_ = 0;
  std::set<ports::connection_id> strangers_;  // the oldest first
  std::size_t held_ = 0;
  boot_time full_until_{};
  std::vector<std::shared_ptr<session>> unflushed_;
  std::vector<std::shared_ptr<session>> drained_;  // in this turn, and not told
  bool ending_ = false;
  const std::shared_ptr<bool> there_ = std::make_shared<bool>(true);
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
  auto security = tls_keeper::open(options.security, log);
  if (!security) return tl::unexpected<error>(std::move(security.error()));
  const bool any_address = options.allow_non_loopback || (*security)->current() != nullptr;
  std::optional<listening_socket> socket;
  if (!options.listen.empty()) {
    auto bound = listen_on(loop.internals(),
                           {options.listen, options.advertise, options.route_to, any_address});
    if (!bound) return tl::unexpected<error>(std::move(bound.error()));
    socket = std::move(*bound);
  }
  auto inside =
      std::make_unique<impl>(loop, listener, log, std::move(options), std::move(*security));
  if (socket) inside->listen(std::move(*socket), log);
  return std::unique_ptr<transport>(new transport(std::move(inside)));
}

const std::string& transport::address() const {
  return impl_->address();
}

std::shared_ptr<const tally> transport::counts() const {
  return impl_->counts();
}

result<void> transport::reload_security() {
  return impl_->reload_security();
}

result<void> transport::check_name(const std::string& name) const {
  return impl_->check_name(name);
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

void transport::set_busy(ports::connection_id id, bool busy) {
  impl_->set_busy(id, busy);
}

void transport::close(ports::connection_id id) {
  impl_->close(id);
}

}  // namespace hedgerow::net
