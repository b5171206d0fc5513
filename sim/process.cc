#include "sim/process.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "sim/delay.h"
#include "sim/describe.h"

namespace hedgerow::sim {
namespace {

engine::options options_of(const swarm& with, std::uint32_t number, std::uint32_t slot,
                           const std::string& name, microseconds lease) {
  engine::options o = with.node;
  o.self.name = name;
  o.self.address = address_of(slot);
  o.self.machine = fmt::format("{:016x}", slot + 1);
  o.self.zone = fmt::format("zone{}", slot % with.zones);
  o.self.tags = {{"life", std::to_string(number)}};
  o.lease.lease = lease;
  o.seed = base::mix(with.seed ^ (0xabcdef0000ULL + number));
  return o;
}

}  // namespace

process::process(surroundings around, std::uint32_t number, std::uint32_t on_slot, std::string name,
                 microseconds lease)
    : in_(around),
      random_(base::mix(around.with.seed ^ (0x9a0c0000ULL + number))),
      name_(std::move(name)) {
  id = number;
  slot = on_slot;
  in_.all.born(id, slot, name_, in_.world.now);
  // std::make_unique could not see the bases, which are private.
  engine::ports_in_use ports{*this, *this, *this, *this, *this, *this};
  engine_.reset(
      new engine::engine(options_of(in_.with, id, slot, name_, lease), ports, *this, *this));
  transport_news = engine_.get();
  store_news = engine_.get();
  handler_news = engine_.get();
  cell = &engine_->cell();
  streams_ = std::make_unique<stream_users>(in_.streams, *this, *engine_,
                                            [this] { return engine_->view(); });
}

void process::say(detail level, const std::string& text) {
  in_.world.trace.say(in_.world.now, fmt::format("p{} {} on host {}: {}", id, name_, slot, text));
  static_cast<void>(level);
}

void process::start() {
  if (in_.world.trace.wants(detail::transitions)) say(detail::transitions, "starts");
  engine_->start();
  for (std::uint32_t i = 0; i < in_.with.locks * in_.with.lock_clients; ++i) {
    locks_.push_back(std::make_unique<lock_client>(in_.locks, *this, i, i % in_.with.locks));
    lock_news.push_back(&locks_.back()->store_news());
  }
  streams_->start();
  settle();
}

// What is handed over now is handed over under what the cell says now.
void process::on_stream_offered(core::stream_id stream, core::stream_offer&& what) {
  in_.acts.on_cell(id, self.incarnation, engine_->cell());
  streams_->on_offered(stream, what);
}

void process::on_stream_messages(core::stream_id stream, slice&& block, bool framed) {
  in_.acts.on_cell(id, self.incarnation, engine_->cell());
  streams_->on_messages(stream, block, framed);
}

void process::stop() {
  if (stopping_) return;
  stopping_ = true;
  in_.all.stop_called(id);
  if (in_.world.trace.wants(detail::transitions)) say(detail::transitions, "stop() is called");
  engine_->stop();
  for (const auto& one : locks_)
    one->stop();
  settle();
}

void process::end() {
  alive = false;
  in_.acts.on_gone(id);
  in_.calls.on_gone(id);
  in_.streams.checker.on_gone(id);
  in_.all.died(id, in_.world.now);
  transport_news = nullptr;
  store_news = nullptr;
  handler_news = nullptr;
  lock_news.clear();
  cell = nullptr;
  streams_.reset();
  engine_.reset();
  locks_.clear();
}

void process::on_stream_finished(core::stream_id stream) {
  in_.acts.on_cell(id, self.incarnation, engine_->cell());
  streams_->on_finished(stream);
}

void process::settle() {
  if (removed_as_ && std::exchange(removed_as_, {}) == self.incarnation)
    in_.world.violated("views", fmt::format("p{} goes on as who was removed", id));
  in_.streams.windows.settle();
  in_.acts.on_cell(id, self.incarnation, engine_->cell());
  for (const auto& one : locks_)
    one->settle();
}

void process::act_if_leading() {
  const auto known = engine_->leadership_now();
  if (known.leading()) in_.acts.on_act(id, self.incarnation, known.token);
  for (const auto& one : locks_)
    one->act_if_held();
}

void process::take(const event& e) {
  if (e.kind == event_kind::wake) {
    on_timer(e);
  } else if (is_connection_news(e.kind)) {
    in_.network.deliver(*this, e);
  } else if (is_reply(e.kind)) {
    in_.store.deliver(*this, e);
  } else if (is_job(e.kind)) {
    in_.handlers.deliver(*this, e);
  } else if (is_lock(e.kind)) {
    locks_[e.a]->take(e);
  } else if (is_stream(e.kind)) {
    if (running() || e.kind == event_kind::stream_turn) streams_->take(e);
  }
  settle();
}

void process::on_timer(const event& e) {
  if (e.a != wake_generation_) return;
  wake_planned_ = forever;
  if (wake_wanted_ > in_.world.now) {
    if (wake_wanted_ == forever) return;
    wake_planned_ = wake_wanted_;
    in_.world.plan(wake_planned_, event_kind::wake, id, ++wake_generation_);
    return;
  }
  wake_wanted_ = forever;
  engine_->on_wake();
}

void process::wake_at(boot_time at) {
  if (at == boot_time::never()) {
    wake_wanted_ = forever;
    return;
  }
  const auto late = draw_timer(random_, in_.with.timer, in_.with.timer_early);
  const true_time t =
      std::max(in_.clocks.when_boot(slot, at) + late.length, in_.world.now + microsecond);
  if (late.length > in_.with.node.membership.probe_period.count() / 2) {
    in_.world.tally.hit(fault::timer_late);
    in_.all.disturb(id, t);
  } else if (late.length < 0) {
    in_.world.tally.hit(fault::timer_early);
  }
  wake_wanted_ = t;
  if (wake_planned_ <= t) return;
  wake_planned_ = t;
  in_.world.plan(t, event_kind::wake, id, ++wake_generation_);
}

reading process::now() noexcept {
  return in_.clocks.read(slot);
}
std::string_view process::scale() const noexcept {
  return in_.clocks.scale();
}
std::string process::trouble() const {
  return in_.clocks.trusted(slot) ? "" : "in trouble";
}
std::string process::epoch() const {
  return in_.clocks.epoch();
}
void process::submit(ports::request_id request, ports::lease_request q, nanoseconds patience) {
  in_.store.submit(*this, request, std::move(q), patience);
}
void process::submit(ports::request_id request, ports::view_request q, nanoseconds patience) {
  in_.store.submit(*this, request, std::move(q), patience);
}
void process::assume(const ports::peer& me) {
  in_.network.assume(*this, me);
  in_.all.incarnated(id, me.incarnation, in_.world.now);
  if (in_.world.trace.wants(detail::transitions))
    say(detail::transitions, "is now " + short_form(me.incarnation));
}
ports::connection_id process::dial(const std::string& address,
                                   const hedgerow::incarnation& expected, nanoseconds patience) {
  return in_.network.dial(*this, address, expected, patience);
}
bool process::send(ports::connection_id connection, const message::any& what) {
  return in_.network.send(*this, connection, what);
}
void process::close(ports::connection_id connection) {
  in_.network.close(*this, connection);
}
std::optional<ports::job_result> process::run(ports::job_id job, const ports::job& work) {
  return in_.handlers.run(*this, job, work);
}
void process::leadership_ended(fencing_token token) {
  in_.handlers.leadership_ended(*this, token);
}

bool process::wants(severity level) const {
  return level == severity::error || level == severity::warning ||
         in_.world.trace.wants(detail::statements);
}

void process::write(severity level, std::string_view text) {
  if (in_.world.trace.wants(detail::statements)) say(detail::statements, std::string(text));
  if (level == severity::error && text.starts_with("broken:"))
    in_.world.violated("log", fmt::format("p{}: {}", id, text));
  if (level == severity::warning && text.starts_with("standing back:"))
    in_.evictions.on_stood_back(id, *engine_->view());
}

void process::on_view(const view_change& change) {
  if (in_.world.trace.wants(detail::transitions))
    say(detail::transitions, "sees " + describe(*change.current));
  in_.views.on_seen(id, self.incarnation, *change.current);
  streams_->on_view(change);
  for (const auto& r : change.removed)
    if (r.incarnation == self.incarnation && !stopping_ && !failed_) removed_as_ = r.incarnation;
}

void process::on_leadership(leadership_state state, fencing_token token) {
  constexpr std::array<std::string_view, 3> words{"follows", "is suspended", "leads"};
  if (in_.world.trace.wants(detail::transitions))
    say(detail::transitions,
        fmt::format("{}, token {}", words.at(static_cast<std::size_t>(state)), token));
  const bool held = told_state_ != leadership_state::following;
  if (held && state != leadership_state::following && token != told_token_)
    in_.world.violated("acts", fmt::format("p{} was not told of the loss of token {} before {}", id,
                                           told_token_, token));
  // F10: given up is given up.
  if (!held && state != leadership_state::following && token <= lost_token_)
    in_.world.violated("acts",
                       fmt::format("p{} took up token {} again, which it had lost", id, token));
  if (held && state == leadership_state::following) lost_token_ = told_token_;
  told_state_ = state;
  told_token_ = token;
  in_.world.trace.mix(static_cast<std::uint64_t>(token) ^ static_cast<std::uint64_t>(state));
}

void process::on_leader(const leader_info& leader) {
  if (in_.world.trace.wants(detail::statements))
    say(detail::statements,
        leader.known() ? fmt::format("hears that {} leads under {}", leader.name, leader.token)
                       : "knows no leader");
}
void process::on_member(const member& me) {
  if (in_.world.trace.wants(detail::transitions)) say(detail::transitions, "is a member");
  if (me.incarnation != self.incarnation)
    in_.world.violated("views", fmt::format("p{} became a member as somebody else", id));
}
void process::on_evicted(removal_reason reason) {
  if (in_.world.trace.wants(detail::transitions))
    say(detail::transitions, fmt::format("was evicted: {}", to_string(reason)));
}
void process::on_failed(const error& why) {
  failed_ = true;
  if (in_.world.trace.wants(detail::transitions)) say(detail::transitions, why.message());
  // Its owner ends it, sooner or later.
  in_.world.plan(in_.world.now + random_.between(0, 3 * second), event_kind::destroy, id);
}
void process::on_store(bool available, const std::string&) {
  in_.world.trace.mix(available ? 1 : 2);
}
void process::on_clock(clock_status status, const std::string& why) {
  if (in_.world.trace.wants(detail::statements))
    say(detail::statements, why.empty() ? "trusts its clock" : "does not trust its clock: " + why);
  in_.world.trace.mix(static_cast<std::uint64_t>(status) << 1 | (why.empty() ? 0 : 1));
}
void process::on_waiting(milliseconds how_long, const std::string& why) {
  if (in_.world.trace.wants(detail::statements))
    say(detail::statements, fmt::format("waits {} ms: {}", how_long.count(), why));
}
void process::on_send_done(engine::call_id call, result<reply> outcome) {
  if (in_.world.trace.wants(detail::statements))
    say(detail::statements,
        fmt::format("call {}: {}", call,
                    outcome ? "replied by " + outcome->from : outcome.error().message()));
  in_.calls.on_send_done(id, call, outcome);
}
void process::on_broadcast_reply(engine::call_id call, member_reply answer) {
  in_.calls.on_broadcast_reply(id, call, answer);
}
void process::on_broadcast_done(engine::call_id call) {
  in_.calls.on_broadcast_done(id, call);
}
void process::on_stopped() {
  if (in_.world.trace.wants(detail::transitions)) say(detail::transitions, "has stopped");
  in_.calls.on_stopped(id);
  in_.streams.checker.on_stopped(id);
  in_.world.plan(in_.world.now + 10 * microsecond, event_kind::destroy, id);
}

}  // namespace hedgerow::sim
