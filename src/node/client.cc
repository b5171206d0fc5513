#include <condition_variable>
#include <mutex>

#include <hedgerow/client.h>

#include "clock/machine_clock.h"
#include "net/transport.h"
#include "node/engine/client_engine.h"
#include "node/host.h"
#include "node/open_store.h"
#include "node/security.h"
#include "node/stream_hub.h"

namespace hedgerow {
namespace {

using std::chrono::milliseconds;

// Where a group's agents may be, from its rows. Blocks for as long as the store does.
std::vector<std::string> addresses_in(const store::location& where, const std::string& group) {
  std::vector<std::string> found;
  const auto rows = read_rows(where, group);
  if (!rows) return found;
  if (rows->lease && !rows->lease->address.empty()) found.push_back(rows->lease->address);
  if (rows->view) {
    for (const auto& m : rows->view->members)
      found.push_back(m.address);
  }
  return found;
}

}  // namespace

class client::impl final : public engine::client_listener {
 public:
  explicit impl(client_options with) : with_(std::move(with)), log_(with_.log, with_.log_level) {}
  ~impl() override { stop(); }

  result<void> open();
  void stop();
  result<void> wait_until_connected(milliseconds timeout);
  result<leader_info> wait_for_leader(milliseconds timeout);

  void send(std::string_view payload, milliseconds timeout, send_callback done) {
    const boot_time deadline = deadline_after(timeout);
    const auto shared = std::make_shared<send_callback>(std::move(done));
    post([this, shared, deadline, text = make_bytes(payload)] {
      engine_->send(calls_.add(std::move(*shared)), text, deadline);
    });
  }
  void broadcast(std::string_view payload, broadcast_options how, broadcast_callback done) {
    const boot_time deadline = deadline_after(how.timeout);
    const auto shared = std::make_shared<broadcast_callback>(std::move(done));
    post([this, shared, deadline, text = make_bytes(payload)] {
      engine_->broadcast(calls_.add(std::move(*shared)), text, deadline);
    });
  }

  result<stream> open_stream(const stream_options& how) { return hub_->open(how, std::nullopt); }
  result<std::vector<member_stream>> open_streams(const stream_options& how) {
    return hub_->open_to(how, view()->members);
  }

  // The engine's own answers, from the loop's thread; for the few questions of commands.
  template <class Answer>
  Answer ask(const std::function<Answer()>& question) const {
    if (loop_.on_loop_thread()) return question();
    const auto promise = std::make_shared<std::promise<Answer>>();
    if (post([promise, question] { promise->set_value(question()); }))
      return promise->get_future().get();
    wait_for_end();  // up to there all is the loop's
    return question();
  }
  result<void> reload_security() const {
    return ask<result<void>>([this]() -> result<void> {
      if (!transport_) return fail(errc::stopped, "this client was stopped");
      return transport_->reload_security();
    });
  }
  view_ptr view() const {
    const std::lock_guard hold(lock_);
    return view_;
  }
  milliseconds view_age() const {
    return std::chrono::duration_cast<milliseconds>(
        ask<nanoseconds>([this] { return engine_->view_age(); }));
  }
  leader_info leader() const {
    return ask<leader_info>([this] { return engine_->leader(); });
  }
  const net::event_loop& loop() const { return loop_; }

  void on_view(const view_change& change) override {
    {
      const std::lock_guard hold(lock_);
      view_ = change.current;
      changed_.notify_all();
    }
    if (with_.on_view) with_.on_view(change);
  }
  void on_leader(const leader_info& leader) override {
    on_leader_extended(leader);
    changed_.notify_all();
    if (with_.on_leader) with_.on_leader(leader);
  }
  void on_leader_extended(const leader_info& leader) override {
    const std::lock_guard hold(lock_);
    leader_ = leader;
    leader_since_ = net::boot_now();
  }
  void on_send_done(core::call_id id, result<reply> outcome) override {
    calls_.send_done(id, std::move(outcome));
  }
  void on_broadcast_reply(core::call_id id, member_reply answer) override {
    calls_.broadcast_reply(id, std::move(answer));
  }
  void on_broadcast_done(core::call_id id) override { calls_.broadcast_done(id); }

  void on_addresses_wanted() override {
    if (!with_.agent.empty()) {
      loop_.post([this] { engine_->offer({with_.agent}); });
      return;
    }
    // A store that hangs must not hold the loop; the reader may outlive this client.
    try {
      std::thread([where = store_, group = with_.group, mailbox = mailbox_] {
        auto found = addresses_in(where, group);
        const std::lock_guard hold(mailbox->lock);
        if (mailbox->owner == nullptr) return;
        mailbox->owner->loop_.post(
            [owner = mailbox->owner, found] { owner->engine_->offer(found); });
      }).detach();
    } catch (const std::system_error& why) {
      log_.write(severity::warning, "cannot look for agents: " + refused_by_system(why).message());
      loop_.post([this] { engine_->offer({}); });  // it asks again
    }
  }

 private:
  // Behind the lock, so that every task comes before the loop's end, or not at all.
  bool post(std::function<void()> task) const {
    const std::lock_guard hold(lock_);
    if (!stopped_) loop_.post(std::move(task));
    return !stopped_;
  }
  // False: it was stopped before.
  bool begin_stop() {
    const std::lock_guard hold(lock_);
    changed_.notify_all();
    return !std::exchange(stopped_, true);
  }
  // Of who finds it stopped. Not on the loop's thread: that one has yet to end.
  void wait_for_end() const {
    if (loop_.on_loop_thread()) return;
    std::unique_lock hold(lock_);
    changed_.wait(hold, [this] { return ended_; });
  }

  struct mailbox {
    std::mutex lock;
    impl* owner = nullptr;  // guarded by lock; null once it is gone
  };

  client_options with_;
  user_log log_;
  clock::machine_clock clock_;
  mutable net::event_loop loop_;
  store::location store_;
  std::shared_ptr<mailbox> mailbox_ = std::make_shared<mailbox>();
  std::unique_ptr<net::transport> transport_;
  std::unique_ptr<stream_hub> hub_;
  std::unique_ptr<engine::client_engine> engine_;
  // The transport is made before its listener.
  struct listener final : ports::transport_listener {
    engine::client_engine* to = nullptr;
    void on_open(ports::connection_id id, const ports::peer& who) override { to->on_open(id, who); }
    void on_dial_failed(ports::connection_id id, ports::dial_failure why,
                        const std::optional<ports::peer>& actual,
                        const std::string& text) override {
      to->on_dial_failed(id, why, actual, text);
    }
    void on_message(ports::connection_id id, message::any&& what) override {
      to->on_message(id, std::move(what));
    }
    void on_closed(ports::connection_id id, const std::string& why) override {
      to->on_closed(id, why);
    }
    void on_drained(ports::connection_id id, std::size_t count) override {
      to->on_drained(id, count);
    }
    void on_retired(ports::connection_id id) override { to->on_retired(id); }
  } listener_;
  open_calls calls_;
  std::thread thread_;

  mutable std::mutex lock_;
  mutable std::condition_variable changed_;
  view_ptr view_ = std::make_shared<hedgerow::view>();  // guarded by lock_, and all below
  leader_info leader_;
  boot_time leader_since_;
  bool stopped_ = false;
  bool ended_ = false;  // stop() is through
};

result<void> client::impl::open() {
  if (with_.agent.empty()) {
    auto where = store::parse_url(with_.store);
    if (!where) return tl::unexpected(std::move(where).error());
    store_ = std::move(*where);
  }
  net::transport_options o;
  o.group = with_.group;
  o.allow_non_loopback = with_.insecure;
  o.security = settings_of(with_.security);
  o.payload_bytes_max = with_.payload_bytes_max;
  auto opened = net::transport::open(loop_, listener_, log_, std::move(o));
  if (!opened) return tl::unexpected(std::move(opened).error());
  transport_ = std::move(*opened);
  hub_ = std::make_unique<stream_hub>(
      stream_hub::setup{loop_, with_.payload_bytes_max, {}, {}, {}, 0, nullptr});
  engine_ = std::make_unique<engine::client_engine>(
      engine::client_engine::ports_in_use{clock_, *transport_, loop_, log_}, *this, *hub_,
      with_.payload_bytes_max, fresh_seed());
  hub_->attach(*engine_);
  listener_.to = engine_.get();
  mailbox_->owner = this;
  loop_.on_wake([this] { engine_->on_wake(); });
  thread_ = std::thread([this] { loop_.run(); });
  loop_.post([this] { engine_->start(); });
  return {};
}

void client::impl::stop() {
  if (!begin_stop()) {
    // Somebody else is at it. Who returns earlier would believe that nothing acts any more.
    wait_for_end();
    return;
  }
  // From here on nobody posts but this.
  {
    const std::lock_guard hold(mailbox_->lock);
    mailbox_->owner = nullptr;
  }
  if (hub_) hub_->refuse();
  if (thread_.joinable()) {
    loop_.post([this] {
      engine_->stop();
      loop_.post([this] { loop_.stop(); });
    });
    thread_.join();
  }
  if (hub_) hub_->close();
  transport_.reset();
  const std::lock_guard hold(lock_);
  ended_ = true;
  changed_.notify_all();
}

result<void> client::impl::wait_until_connected(milliseconds timeout) {
  std::unique_lock hold(lock_);
  if (changed_.wait_for(hold, countable(timeout),
                        [this] { return stopped_ || !view_->members.empty(); })) {
    if (stopped_) return fail(errc::stopped, "this client was stopped");
    return {};
  }
  hold.unlock();
  const auto problem = ask<std::string>([this] { return engine_->problem(); });
  return fail(errc::unreachable, (problem.empty() ? "no agent answered in time" : problem) +
                                     " (group '" + with_.group + "'" +
                                     (with_.agent.empty() ? ", store " + name_of(store_) : "") +
                                     "); is an agent running? start one with `hedgerow agent`");
}

result<leader_info> client::impl::wait_for_leader(milliseconds timeout) {
  std::unique_lock hold(lock_);
  const bool known =
      changed_.wait_for(hold, countable(timeout), [this] { return stopped_ || leader_.known(); });
  if (stopped_) return fail(errc::stopped, "this client was stopped");
  if (!known) return fail(errc::no_leader, "no leader was known up to the deadline");
  // And not asked anew: it may be gone by then, and who waited for a leader wants one.
  return counted_down(leader_, leader_since_);
}

client::client(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
client::~client() = default;

result<std::unique_ptr<client>> client::start(client_options with) {
  if (auto ok = with.validate(); !ok) return tl::unexpected(std::move(ok).error());
  return or_refusal([&]() -> result<std::unique_ptr<client>> {
    auto inside = std::make_unique<impl>(std::move(with));
    if (auto ok = inside->open(); !ok) return tl::unexpected(std::move(ok).error());
    return std::unique_ptr<client>(new client(std::move(inside)));
  });
}

result<void> client::wait_until_connected(milliseconds timeout) {
  return impl_->wait_until_connected(timeout);
}
result<leader_info> client::wait_for_leader(milliseconds timeout) {
  return impl_->wait_for_leader(timeout);
}

void client::send(std::string_view payload, milliseconds timeout,
                  std::function<void(result<reply>)> done) {
  impl_->send(payload, timeout, send_callback(std::move(done)));
}

result<reply> client::send(std::string_view payload, milliseconds timeout) {
  return wait_for_reply(impl_->loop(), [&](auto done) { send(payload, timeout, std::move(done)); });
}

void client::broadcast(std::string_view payload, broadcast_options how,
                       std::function<void(member_reply)> each, std::function<void()> done) {
  impl_->broadcast(payload, how, broadcast_callback(std::move(each), std::move(done)));
}

result<std::vector<member_reply>> client::broadcast(std::string_view payload,
                                                    broadcast_options how) {
  return wait_for_replies(impl_->loop(), [&](broadcast_callback done) {
    impl_->broadcast(payload, how, std::move(done));
  });
}

result<stream> client::open_stream(const stream_options& how) {
  return impl_->open_stream(how);
}
result<std::vector<member_stream>> client::open_streams(const stream_options& how) {
  return impl_->open_streams(how);
}

view_ptr client::view() const {
  return impl_->view();
}
milliseconds client::view_age() const {
  return impl_->view_age();
}
leader_info client::leader() const {
  return impl_->leader();
}
result<void> client::reload_security() {
  return impl_->reload_security();
}
void client::stop() {
  impl_->stop();
}

}  // namespace hedgerow
