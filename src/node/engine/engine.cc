#include "node/engine/engine.h"

#include <algorithm>
#include <variant>

#include "base/probe.h"
#include "model/loopback.h"
#include "node/engine/clock_words.h"
#include "node/engine/state.h"

namespace hedgerow::engine {

engine::engine(options with, ports_in_use ports, listener& owner, stream_listener& streams)
    : state_(std::make_unique<state>(std::move(with), ports, owner, streams)) {}

engine::~engine() = default;

void engine::start() {
  state_->turn([&] { state_->start(); });
}
void engine::on_wake() {
  state_->turn([this] { state_->on_wake(); });
}
void engine::stop() {
  state_->turn([&] { state_->stop(); });
}
void engine::send(call_id id, bytes payload, boot_time deadline) {
  state_->turn([&] { state_->send(id, std::move(payload), deadline); });
}
void engine::broadcast(call_id id, const bytes& payload, boot_time deadline, bool skip_self) {
  state_->turn([&] { state_->broadcast(id, payload, deadline, skip_self); });
}
bool engine::takes_send_now() const {
  return state_->takes_send_now();
}
core::stream_id engine::new_stream_id() {
  return state_->desk().new_id();
}
void engine::open_stream(core::stream_id id, core::stream_request&& what) {
  state_->turn([&] { state_->desk().open(state_->now(), id, std::move(what)); });
}
void engine::stream_write(core::stream_id id, slice data, std::uint64_t messages) {
  state_->turn([&] { state_->desk().write(state_->now(), id, std::move(data), messages); });
}
void engine::stream_finish(core::stream_id id) {
  state_->turn([&] { state_->desk().finish(state_->now(), id); });
}
void engine::stream_cancel(core::stream_id id, message::stream_code code, const std::string& text) {
  state_->turn([&] { state_->desk().cancel(state_->now(), id, code, text); });
}
void engine::stream_consumed(core::stream_id id, std::uint64_t messages, std::size_t bytes) {
  state_->turn([&] { state_->desk().consumed(state_->now(), id, messages, bytes); });
}
view_ptr engine::view() const {
  return state_->view();
}
leader_info engine::leader() const {
  return state_->leader(state_->ports().clock.now());
}
hedgerow::incarnation engine::incarnation() const {
  return state_->incarnation();
}
leadership engine::leadership_now() const {
  return state_->cell().judge(state_->ports().clock.truth());
}
const leadership_cell& engine::cell() const {
  return state_->cell();
}

void engine::on_lease_reply(ports::request_id id, const ports::lease_reply& reply) {
  state_->turn([&] { state_->on_lease_reply(id, reply); });
}
void engine::on_view_reply(ports::request_id id, const ports::view_reply& reply) {
  state_->turn([&] { state_->on_view_reply(id, reply); });
}
void engine::on_open(ports::connection_id id, const ports::peer& who) {
  state_->turn([&] { state_->on_open(id, who); });
}
void engine::on_dial_failed(ports::connection_id id, ports::dial_failure why,
                            const std::optional<ports::peer>& /*actual*/, const std::string& text) {
  state_->turn([&] { state_->on_dial_failed(id, why, text); });
}
void engine::on_message(ports::connection_id id, message::any&& what) {
  state_->turn([&] { state_->on_message(id, std::move(what)); });
}
void engine::on_closed(ports::connection_id id, const std::string& why) {
  state_->turn([&] { state_->on_closed(id, why); });
}
void engine::on_drained(ports::connection_id id, std::size_t bytes) {
  state_->turn([&] { state_->desk().on_drained(state_->now(), id, bytes); });
}
void engine::on_retired(ports::connection_id id) {
  state_->turn([&] { state_->on_retired(id); });
}
void engine::on_job_done(ports::job_id id, ports::job_result outcome) {
  state_->turn([&] { state_->on_job_done(id, std::move(outcome)); });
}

engine::state::state(options with, ports_in_use ports, listener& owner, stream_listener& streams)
    : options_(std::move(with)),
      ports_(ports),
      owner_(owner),
      random_(options_.seed),
      alarm_(ports.timers),
      lease_(options_.lease,
             {options_.self.name,
              {},
              options_.self.address,
              std::string(ports.clock.scale()),
              options_.self.machine},
             base::mix(options_.seed)),
      observer_(options_.membership),
      session_(options_.membership, options_.self),
      view_leader_(options_.membership, options_.store_patience),
      calls_(options_.self.name, options_.payload_bytes_max),
      inbox_(options_.self.name),
      links_(ports.transport, options_.membership.silence()),
      streams_(
          {options_.self.name, options_.payload_bytes_max, options_.stream_windows_bytes},
          ports.transport, links_, streams, [this] { return stream_authority(); },
          [this](ports::connection_id id) { give_up(id); }) {}

hedgerow::incarnation engine::state::fresh_incarnation() {
  return {random_.next(), random_.next()};
}

ports::peer engine::state::self_as_peer() const {
  const auto& self = session_.self();
  return {ports::peer_role::member, self.name, self.address, self.incarnation};
}

void engine::state::say(severity level, const std::string& text) const {
  if (ports_.log.wants(level)) ports_.log.write(level, text);
}

void engine::state::start() {
  const auto life = fresh_incarnation();
  session_.reincarnate(now_.boot, life);
  ports_.transport.assume(self_as_peer());
  streams_.assume(now_.boot, life);
  lease_.reincarnate(now_, life, lease_effects_);
}

void engine::state::begin_turn() {
  in_turn_ = true;
  sent_in_turn_ = 0;
  now_ = ports_.clock.now();
  // D3: a loop that wakes this late was not running; what it has not heard proves nothing.
  if (alarm_.at() != boot_time::never() &&
      now_.boot - alarm_.at() > options_.membership.probe_period) {
    HEDGEROW_PROBE(engine_stood_still);
    say(severity::warning, "this process stood still for " +
                               std::to_string((now_.boot - alarm_.at()).count() / 1'000'000) +
                               " ms");
    observer_.on_pause(now_.boot);
    view_leader_.on_pause(now_.boot);
  }
  view_leader_.allow(now_.boot, lease_.may_act(now_.truth));
  streams_.set_acting(now_.boot, acting_token());
  // R10: whatever the event is, a loss that is due comes first.
  if (now_.boot >= alarm_.at()) {
    lease_.tick(now_, lease_effects_);
    drain();
  }
}

void engine::state::tick() {
  // R10: a loss is dealt with before any other core moves.
  lease_.tick(now_, lease_effects_);
  drain();
  greet_waiting_leader();
  session_.tick(now_.boot, leader_to_ask(), session_effects_);
  view_leader_.tick(now_.boot, view_effects_);
  // Committed when this leader could not act: now it can.
  HEDGEROW_PROBE_IF(may_lead(now_) && session_.current()->id < view_leader_.current()->id,
                    engine_publishes_later);
  if (may_lead(now_) && session_.current()->id < view_leader_.current()->id)
    view_effects_.emplace_back(
        core::view_effect::publish{view_leader_.current(), view_leader_.current()->removed});
  calls_.tick(now_.boot, call_effects_);
  streams_.tick(now_.boot);
  if (now_.boot >= links_.next_wake())
    settle(links_.drop_due(now_.boot, *session_.current()), "the member is gone", false);
  if (told_leader_.known() && now_.truth.earliest > leader_.expires) tell_leader();
  probe();
}

boot_time engine::state::next_wake() const {
  boot_time at = lease_.next_wake(now_);
  at = std::min(at, session_.next_wake(leader_to_ask()));
  at = std::min(at, view_leader_.next_wake());
  at = std::min(at, calls_.next_wake());
  at = std::min(at, observer_.next_wake());
  at = std::min(at, streams_.next_wake());
  at = std::min(at, links_.next_wake());
  const auto once_past = [this](instant t) {
    const nanoseconds left = t - now_.truth.earliest + microseconds{1};
    return now_.boot + std::max(left, nanoseconds{0});
  };
  if (told_leader_.known()) at = std::min(at, once_past(leader_.expires));
  if (waiting_leader_ && now_.truth.trusted(options_.lease.max_error))
    at = std::min(at, once_past(waiting_leader_->leads_after));
  return std::min(at, stop_deadline_);
}

void engine::state::end_turn() {
  drain();
  // What is due now is done now, but not for ever: the loop must get its turn.
  boot_time at = next_wake();
  for (int round = 0; round < 8 && stopping_ != stopping::stopped && at <= now_.boot; ++round) {
    tick();
    drain();
    at = next_wake();
  }
  const bool told = tell_clock();
  if (told) drain();  // what the owner does for it is of this turn
  if (stopping_ == stopping::leaving) finish_stop();
  if (told || stopping_ == stopping::leaving) at = next_wake();
  if (stopping_ == stopping::stopped) at = boot_time::never();
  at = std::max(at, now_.boot + milliseconds{1});
  alarm_.set(at);
  in_turn_ = false;
}

// Changes of the status and of its reason; a width that moves within its limits, or beyond them, is
// no change.
bool engine::state::tell_clock() {
  constexpr nanoseconds ask_again = milliseconds{500};
  const auto& t = now_.truth;
  const auto& limit = options_.lease.max_error;
  const bool known = t.trusted(microseconds::max());
  const bool wide = known && !t.trusted(limit);
  const bool same = t.status == told_clock_.status && wide == told_clock_.wide;
  if (same && (known || now_.boot < told_clock_.asked + ask_again)) return false;
  std::string why;
  if (wide) {
    why = too_wide_text((t.latest - t.earliest) / 2, limit);
  } else if (!known) {
    why = ports_.clock.trouble();
    if (why.empty()) why = "the clock is not trusted";
    told_clock_.asked = now_.boot;
  }
  if (same && why == told_clock_.why) return false;
  told_clock_.status = t.status;
  told_clock_.wide = wide;
  told_clock_.why = why;
  say(why.empty() ? severity::info : severity::warning,
      why.empty() ? "the clock is trusted" : "no leadership, for the clock is not trusted: " + why);
  owner_.on_clock(t.status, why);
  return true;
}

bool engine::state::drain_once() {
  // What is carried out may add to the list; so the two lists of a kind take turns, and keep their
  // memory.
  const auto carry_out_all = [this](auto& effects, auto& spare) {
    if (effects.empty()) return false;
    auto batch = std::exchange(spare, {});
    batch.swap(effects);
    for (auto& e : batch) {
      std::visit([this](auto&& one) { this->carry_out(std::forward<decltype(one)>(one)); },
                 std::move(e));
    }
    batch.clear();
    spare = std::move(batch);
    return true;
  };
  if (carry_out_all(lease_effects_, spare_lease_effects_)) return true;
  if (carry_out_all(view_effects_, spare_view_effects_)) return true;
  if (carry_out_all(session_effects_, spare_session_effects_)) return true;
  if (carry_out_all(inbox_effects_, spare_inbox_effects_)) return true;
  if (carry_out_all(call_effects_, spare_call_effects_)) return true;
  return streams_.drain(now_.boot);
}

void engine::state::drain() {
  do {
    while (drain_once()) {
    }
    if (observer_.take_changed()) report();
  } while (!lease_effects_.empty() || !view_effects_.empty() || !call_effects_.empty());
  update_leadership();
  while (drain_once()) {
  }
}

// Goes as stop() does: what it holds is handed over, and it leaves if it was let in.
void engine::state::fail_for_good(const error& why) {
  session_.give_up();
  owner_.on_failed(why);
  stop();
}

void engine::state::fail_cut_off(const std::string& other, const std::string& address) {
  if (stopping_ != stopping::no) return;
  fail_for_good({errc::invalid_argument, why_cut_off(session_.self().address, other, address)});
}

// Leaves when there is nothing left to hand over, or when patience is over.
void engine::state::stop() {
  if (stopping_ != stopping::no) return;
  stopping_ = stopping::leaving;
  stop_deadline_ = now_.boot + options_.stop_patience;
  session_.leave();
  streams_.stop(now_.boot);
  // R7: first nothing acts any more, then the store is told.
  lease_.resign(now_, lease_effects_);
}

void engine::state::finish_stop() {
  if (stopping_ != stopping::leaving) return;
  const bool late = now_.boot >= stop_deadline_;
  if (lease_.idle() && !farewell_said_) {
    farewell_said_ = true;
    // The leader's own connection is open for sure; one that is only dialled now says nothing yet.
    if (beat_from_ != 0 && !ports_.transport.send(beat_from_, message::leave{})) beat_from_ = 0;
    for (const auto& m : session_.current()->members) {
      if (m.incarnation != incarnation())
        links_.say({m.name, m.address, m.incarnation}, message::leave{});
    }
  }
  const bool alone = session_.current()->members.size() <= 1 || leader_.token == 0 || leader_.gone;
  const bool left = farewell_said_ && (!session_.inside() || alone);
  if (!left && !late) return;
  HEDGEROW_PROBE_IF(!left, engine_stops_unheard);
  HEDGEROW_PROBE_IF(farewell_said_ && session_.inside() && alone, engine_stops_alone);
  HEDGEROW_PROBE_IF(inbox_.running() > 0 && !late, engine_stop_waits_for_handlers);
  if (inbox_.running() > 0 && !late) return;
  stopping_ = stopping::stopped;
  stop_deadline_ = boot_time::never();
  calls_.stop(call_effects_);
  while (drain_once()) {
  }
  owner_.on_stopped();
}

}  // namespace hedgerow::engine
