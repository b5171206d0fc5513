#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>

#include <hedgerow/node.h>

#include "net/machine.h"
#include "net/transport.h"
#include "node/clock_choice.h"
#include "node/engine/clock_words.h"
#include "node/engine/engine.h"
#include "node/host.h"
#include "node/open_store.h"
#include "node/security.h"
#include "node/stream_hub.h"
#include "node/worker_pool.h"
#include "store/row_store.h"

namespace hedgerow {
namespace {

using std::chrono::milliseconds;

}  // namespace

// Notifications of the drivers come in here, for they are made before the engine that they feed.
class node::impl final : public engine::listener,
                         public ports::store_listener,
                         public ports::transport_listener {
 public:
  explicit impl(options with)
      : with_(std::move(with)),
        log_(with_.log, with_.log_level),
        view_(std::make_shared<hedgerow::view>()) {}

  ~impl() override { stop(); }

  result<void> open();
  void stop();

  result<void> wait_until_member(milliseconds timeout) {
    std::unique_lock hold(lock_);
    const bool settled = changed_.wait_for(
        hold, countable(timeout), [this] { return member_ || failure_.has_value() || stopped_; });
    if (failure_) return tl::unexpected(*failure_);
    if (stopped_) return fail(errc::stopped, "this node was stopped");
    if (!settled) return fail(errc::not_executed, "not a member after the time that was given");
    return {};
  }

  void send(std::string_view payload, milliseconds timeout, send_callback done) {
    const boot_time deadline = deadline_after(timeout);
    if (loop_.on_loop_thread() && engine_ && engine_->takes_send_now()) {
      engine_->send(calls_.add(std::move(done)), make_bytes(payload), deadline);
      return;
    }
    // std::function wants copies; what is in it goes exactly once, if not here, then with its end.
    const auto shared = std::make_shared<send_callback>(std::move(done));
    post([this, shared, deadline, text = make_bytes(payload)] {
      engine_->send(calls_.add(std::move(*shared)), text, deadline);
    });
  }

  void broadcast(std::string_view payload, broadcast_options how, broadcast_callback done) {
    const boot_time deadline = deadline_after(how.timeout);
    const auto shared = std::make_shared<broadcast_callback>(std::move(done));
    post([this, shared, deadline, how, text = make_bytes(payload)] {
      engine_->broadcast(calls_.add(std::move(*shared)), text, deadline, how.skip_self);
    });
  }

  result<stream> open_stream(const stream_options& how) { return hub_->open(how, std::nullopt); }
  result<std::vector<member_stream>> open_streams(const stream_options& how, bool skip_self) {
    std::vector<member> to = current_view()->members;
    if (skip_self)
      std::erase_if(to, [&](const member& m) { return m.incarnation == incarnation(); });
    return hub_->open_to(how, to);
  }

  hedgerow::leadership leadership() const { return cell_->judge(clock_->truth()); }
  view_ptr current_view() const {
    const std::lock_guard hold(lock_);
    return view_;
  }
  milliseconds view_age() const {
    const std::lock_guard hold(lock_);
    return std::chrono::duration_cast<milliseconds>(net::boot_now() - view_since_);
  }
  leader_info leader() const {
    const std::lock_guard hold(lock_);
    return counted_down(leader_, leader_since_);
  }
  hedgerow::incarnation incarnation() const {
    const std::lock_guard hold(lock_);
    return incarnation_;
  }
  const std::string& name() const { return with_.name; }
  const std::string& address() const { return address_; }
  const net::event_loop& loop() const { return loop_; }
  std::vector<counter> counters() const { return counts_->list(); }
  result<void> reload_security();

  // engine::listener
  void on_view(const view_change& change) override {
    {
      const std::lock_guard hold(lock_);
      view_ = change.current;
      // Here already: on_member comes after the view that it is of.
      incarnation_ = engine_->incarnation();
      view_since_ = net::boot_now();
    }
    if (with_.on_view) with_.on_view(change);
  }
  void on_leadership(leadership_state state, fencing_token token) override {
    auto now = leadership();
    now.state = state;
    now.token = token;
    if (with_.on_leadership) with_.on_leadership(now);
  }
  void on_leader(const leader_info& leader) override {
    on_leader_extended(leader);
    if (with_.on_leader) with_.on_leader(leader);
  }
  void on_leader_extended(const leader_info& leader) override {
    const std::lock_guard hold(lock_);
    leader_ = leader;
    leader_since_ = net::boot_now();
  }
  void on_member(const member& self) override {
    {
      const std::lock_guard hold(lock_);
      member_ = true;
      incarnation_ = self.incarnation;
      changed_.notify_all();
    }
    if (with_.on_member) with_.on_member(self);
  }
  void on_evicted(removal_reason reason) override {
    {
      const std::lock_guard hold(lock_);
      member_ = false;
    }
    if (with_.on_evicted) with_.on_evicted(reason);
  }
  void on_failed(const error& why) override {
    {
      const std::lock_guard hold(lock_);
      failure_ = why;
      changed_.notify_all();
    }
    if (with_.on_failed)
      with_.on_failed(why);
    else
      log_.write(severity::error, why.message());
  }
  void on_store(bool available, const std::string& text) override {
    if (with_.on_store) with_.on_store(available, text);
  }
  void on_clock(clock_status status, const std::string& why) override {
    const bool wide = !why.empty();
    if (with_.on_clock)
      with_.on_clock(std::string(clock_->source()),
                     std::string(engine::clock_status_name(status, wide)), why);
  }
  void on_waiting(milliseconds how_long, const std::string& why) override {
    log_.write(severity::info,
               "waiting " + std::to_string(how_long.count()) + " ms before leading: " + why);
    if (with_.on_waiting) with_.on_waiting(how_long, why);
  }
  void on_send_done(engine::call_id id, result<reply> outcome) override {
    calls_.send_done(id, std::move(outcome));
  }
  void on_broadcast_reply(engine::call_id id, member_reply answer) override {
    calls_.broadcast_reply(id, std::move(answer));
  }
  void on_broadcast_done(engine::call_id id) override { calls_.broadcast_done(id); }
  void on_stopped() override {
    engine_stopped_ = true;
    // After this turn: what it has sent must leave first. An engine that failed has a loop that
    // goes on, to answer calls.
    loop_.post([this] { end_loop(); });
  }

  // Of the drivers, for the engine.
  void on_lease_reply(ports::request_id id, const ports::lease_reply& r) override {
    if (engine_) engine_->on_lease_reply(id, r);
  }
  void on_view_reply(ports::request_id id, const ports::view_reply& r) override {
    if (engine_) engine_->on_view_reply(id, r);
  }
  void on_open(ports::connection_id id, const ports::peer& who) override {
    if (engine_) engine_->on_open(id, who);
  }
  void on_dial_failed(ports::connection_id id, ports::dial_failure why,
                      const std::optional<ports::peer>& actual, const std::string& text) override {
    if (engine_) engine_->on_dial_failed(id, why, actual, text);
  }
  void on_message(ports::connection_id id, message::any&& what) override {
    if (engine_) engine_->on_message(id, std::move(what));
  }
  void on_closed(ports::connection_id id, const std::string& why) override {
    if (engine_) engine_->on_closed(id, why);
  }
  void on_drained(ports::connection_id id, std::size_t count) override {
    if (engine_) engine_->on_drained(id, count);
  }
  void on_retired(ports::connection_id id) override {
    if (engine_) engine_->on_retired(id);
  }

 private:
  result<void> open_clock();
  result<void> open_store();
  void make_hub();
  void make_engine();
  // Behind the lock, so that every task comes before the loop's end, or not at all.
  bool post(std::function<void()> task) {
    const std::lock_guard hold(lock_);
    if (!stopped_) loop_.post(std::move(task));
    return !stopped_;
  }
  void end_loop() {
    const std::lock_guard hold(lock_);
    if (stopped_ && engine_stopped_) loop_.stop();
  }

  options with_;
  store::location where_;
  user_log log_;
  std::unique_ptr<ports::clock> clock_;
  net::event_loop loop_;
  std::unique_ptr<ports::store> store_;
  std::unique_ptr<net::transport> transport_;
  std::unique_ptr<worker_pool> pool_;
  std::unique_ptr<stream_hub> hub_;
  std::unique_ptr<engine::engine> engine_;
  const engine::leadership_cell* cell_ = nullptr;
  std::string address_;
  std::shared_ptr<const net::tally> counts_;
  open_calls calls_;
  std::thread thread_;
  bool engine_stopped_ = false;  // the loop's

  mutable std::mutex lock_;
  std::condition_variable changed_;
  view_ptr view_;  // guarded by lock_, and all below
  boot_time view_since_;
  leader_info leader_;
  boot_time leader_since_;
  hedgerow::incarnation incarnation_;
  bool member_ = false;
  bool stopped_ = false;
  bool ended_ = false;  // stop() is through
  std::optional<error> failure_;
};

result<void> node::impl::open_clock() {
  auto opened = open_chosen_clock(with_.clock, with_.store);
  if (!opened) return tl::unexpected(std::move(opened).error());
  clock_ = std::move(*opened);
  return {};
}

result<void> node::impl::open_store() {
  auto where = store::parse_url(with_.store);
  if (!where) return tl::unexpected(std::move(where).error());
  where_ = std::move(*where);
  auto opened = hedgerow::open_store(
      where_, {.clock_epoch = clock_->epoch(),
               .views = true,
               .open_patience = with_.open_timeout,
               .warn = [this](const std::string& text) {
                 loop_.post([this, text] { log_.write(severity::warning, text); });
               }});
  if (!opened) return tl::unexpected(std::move(opened).error());
  store_ = std::make_unique<store::row_store>(
      std::move(*opened), store::row_key{store::row_kind::group, with_.group}, this,
      [this](std::function<void()> task) { loop_.post(std::move(task)); });
  return {};
}

void node::impl::make_hub() {
  hub_ = std::make_unique<stream_hub>(stream_hub::setup{
      loop_, with_.payload_bytes_max, with_.name, with_.on_stream, with_.on_broadcast_stream,
      with_.stream_threads, [this](fencing_token token) {
        const auto now = leadership();
        return now.leading() && now.token == token;
      }});
}

void node::impl::make_engine() {
  engine::options o;
  o.self.name = with_.name;
  o.self.address = address_;
  o.self.zone = with_.zone;
  o.self.tags = with_.tags;
  o.self.machine = net::this_machine();
  o.lease = lease_on(*clock_, with_.lease);
  o.payload_bytes_max = with_.payload_bytes_max;
  o.seed = fresh_seed();
  engine_ = std::make_unique<engine::engine>(
      std::move(o), engine::ports_in_use{*clock_, *store_, *transport_, loop_, *pool_, log_}, *this,
      *hub_);
  hub_->attach(*engine_);
  cell_ = &engine_->cell();
  incarnation_ = engine_->incarnation();
}

result<void> node::impl::open() {
  if (auto ok = open_clock(); !ok) return ok;
  if (auto ok = open_store(); !ok) return ok;
  net::transport_options o;
  o.group = with_.group;
  o.listen = with_.listen;
  o.advertise = with_.advertise;
  o.route_to = database_address(where_);
  o.allow_non_loopback = with_.insecure;
  o.security = settings_of(with_.security);
  o.payload_bytes_max = with_.payload_bytes_max;
  auto listening = net::transport::open(loop_, *this, log_, std::move(o));
  if (!listening) return tl::unexpected(std::move(listening).error());
  transport_ = std::move(*listening);
  if (auto ok = transport_->check_name(with_.name); !ok) return ok;
  if (with_.insecure)
    log_.write(severity::warning,
               "insecure: connections are plain text. Everybody on the network between the "
               "members can read and change what they say, and join; a --secret-file ends that");
  address_ = transport_->address();
  counts_ = transport_->counts();
  pool_ = std::make_unique<worker_pool>(
      worker_pool::setup{with_.on_message, with_.on_broadcast, with_.handler_threads, with_.name,
                         with_.payload_bytes_max, clock_.get(), &log_,
                         [this](ports::job_id id, ports::job_result outcome) {
                           loop_.post([this, id, outcome = std::move(outcome)] {
                             if (engine_) engine_->on_job_done(id, outcome);
                           });
                         }});
  make_hub();
  make_engine();
  pool_->watch(*cell_);
  loop_.on_wake([this] { engine_->on_wake(); });
  thread_ = std::thread([this] { loop_.run(); });
  loop_.post([this] { engine_->start(); });
  return {};
}

result<void> node::impl::reload_security() {
  if (loop_.on_loop_thread()) return transport_->reload_security();
  const auto promise = std::make_shared<std::promise<result<void>>>();
  if (!post([this, promise] { promise->set_value(transport_->reload_security()); }))
    return fail(errc::stopped, "this node was stopped");
  return promise->get_future().get();
}

void node::impl::stop() {
  {
    std::unique_lock hold(lock_);
    if (stopped_) {
      // Somebody else is at it. Who returns earlier would believe that nothing acts any more.
      if (!loop_.on_loop_thread()) changed_.wait(hold, [this] { return ended_; });
      return;
    }
    stopped_ = true;
    changed_.notify_all();
  }
  if (hub_) hub_->refuse();
  if (thread_.joinable()) {
    loop_.post([this] {
      engine_->stop();
      end_loop();
    });
    thread_.join();
  }
  if (hub_) hub_->close();
  pool_.reset();
  store_.reset();
  transport_.reset();
  const std::lock_guard hold(lock_);
  ended_ = true;
  changed_.notify_all();
}

node::node(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
node::~node() = default;

result<std::unique_ptr<node>> node::start(options with) {
  if (with.name.empty()) with.name = host_name();
  if (with.name.empty())
    return fail(errc::invalid_argument, "this host has no name to take; give the node one");
  if (auto ok = with.validate(); !ok) return tl::unexpected(std::move(ok).error());
  return or_refusal([&]() -> result<std::unique_ptr<node>> {
    auto inside = std::make_unique<impl>(std::move(with));
    if (auto ok = inside->open(); !ok) return tl::unexpected(std::move(ok).error());
    return std::unique_ptr<node>(new node(std::move(inside)));
  });
}

result<void> node::wait_until_member(milliseconds timeout) {
  return impl_->wait_until_member(timeout);
}

void node::send(std::string_view payload, milliseconds timeout,
                std::function<void(result<reply>)> done) {
  impl_->send(payload, timeout, send_callback(std::move(done)));
}

result<reply> node::send(std::string_view payload, milliseconds timeout) {
  return wait_for_reply(impl_->loop(), [&](auto done) { send(payload, timeout, std::move(done)); });
}

void node::broadcast(std::string_view payload, broadcast_options how,
                     std::function<void(member_reply)> each, std::function<void()> done) {
  impl_->broadcast(payload, how, broadcast_callback(std::move(each), std::move(done)));
}

result<std::vector<member_reply>> node::broadcast(std::string_view payload, broadcast_options how) {
  return wait_for_replies(impl_->loop(), [&](broadcast_callback done) {
    impl_->broadcast(payload, how, std::move(done));
  });
}

result<stream> node::open_stream(const stream_options& how) {
  return impl_->open_stream(how);
}
result<std::vector<member_stream>> node::open_streams(const stream_options& how, bool skip_self) {
  return impl_->open_streams(how, skip_self);
}

view_ptr node::view() const {
  return impl_->current_view();
}
milliseconds node::view_age() const {
  return impl_->view_age();
}
leader_info node::leader() const {
  return impl_->leader();
}
hedgerow::leadership node::leadership() const {
  return impl_->leadership();
}
const std::string& node::name() const {
  return impl_->name();
}
const std::string& node::address() const {
  return impl_->address();
}
incarnation node::incarnation() const {
  return impl_->incarnation();
}
std::vector<counter> node::counters() const {
  return impl_->counters();
}
result<void> node::reload_security() {
  return impl_->reload_security();
}
void node::stop() {
  impl_->stop();
}

}  // namespace hedgerow
