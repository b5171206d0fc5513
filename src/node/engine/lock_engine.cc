#include "node/engine/lock_engine.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/probe.h"
#include "base/random.h"

namespace hedgerow::engine {
namespace {

// An attempt whose store does not answer is over after so long, however long the lease.
constexpr nanoseconds attempt_patience_max = seconds{5};

hedgerow::incarnation incarnation_of(std::uint64_t seed) {
  base::random chance(seed);
  return {chance.next(), chance.next()};
}

std::string in_ms(nanoseconds d) {
  return std::to_string(std::chrono::ceil<milliseconds>(d).count()) + " ms";
}

}  // namespace

lock_engine::lock_engine(lock_options with, lock_ports ports, lock_listener& owner)
    : options_(std::move(with)),
      ports_(ports),
      owner_(owner),
      incarnation_(incarnation_of(options_.seed)),
      lease_(options_.lease, {options_.holder, incarnation_, {}, std::string(ports.clock.scale())},
             base::mix(options_.seed)),
      alarm_(ports.timers) {}

void lock_engine::say(severity level, const std::string& text) const {
  if (ports_.log.wants(level)) ports_.log.write(level, "lock " + options_.name + ": " + text);
}

// As an engine's: the clock is read once, effects are carried out until there are none, and a loss
// that is due comes before anything else (R10).
template <class Event>
void lock_engine::turn(Event event) {
  if (in_turn_) {
    event();
    return;
  }
  in_turn_ = true;
  now_ = ports_.clock.now();
  if (now_.boot >= alarm_.at()) {
    lease_.tick(now_, effects_);
    drain();
  }
  event();
  end_turn();
}

void lock_engine::end_turn() {
  drain();
  follow_stage();
  for (int round = 0; round < 8; ++round) {
    if (next_wake() > now_.boot) break;
    lease_.tick(now_, effects_);
    drain();
    follow_stage();
  }
  const boot_time at = std::max(next_wake(), now_.boot + milliseconds{1});
  alarm_.set(at);
  in_turn_ = false;
}

void lock_engine::drain() {
  do {
    while (!effects_.empty()) {
      auto batch = std::exchange(effects_, {});
      for (auto& e : batch) {
        std::visit([this](auto&& one) { carry_out(std::forward<decltype(one)>(one)); },
                   std::move(e));
      }
    }
    update_cell();  // the owner may release it for that
  } while (!effects_.empty());
}

boot_time lock_engine::next_wake() const {
  // Released from within what follow_stage has told.
  if (stage_ == stage::releasing && lease_.idle()) return now_.boot;
  return std::min(lease_.next_wake(now_), deadline_);
}

void lock_engine::update_cell() {
  leadership_cell::value v;
  if (stage_ == stage::held) {
    v = {leadership_state::leading, token_, lease_.act_until(), lease_.safe_after(),
         options_.lease.max_error};
  }
  cell_.store(v);
  if (stage_ != stage::held || lease_.act_until() <= told_until_) return;
  told_until_ = lease_.act_until();
  owner_.on_extended(token_);
}

// What has come of the acquire or the release that is open.
void lock_engine::follow_stage() {
  if (stage_ == stage::releasing && (lease_.idle() || now_.boot >= deadline_)) {
    HEDGEROW_PROBE_IF(!lease_.idle(), lock_release_not_acknowledged);
    stage_ = stage::free;
    deadline_ = boot_time::never();
    owner_.on_released();
  }
  if (stage_ != stage::acquiring) return;
  if (refused_) {
    answer_no(*refused_);
    return;
  }
  const bool settled = lease_.must_wait(now_.truth) && *lease_.row_as_of() >= began_;
  const bool must_wait =
      settled || lease_.held_token() != 0 || !now_.truth.trusted(options_.lease.max_error);
  if (now_.boot >= deadline_ || (attempt_ && must_wait)) {
    HEDGEROW_PROBE_IF(attempt_ && settled, lock_attempt_finds_it_held);
    HEDGEROW_PROBE_IF(attempt_ && lease_.held_token() != 0, lock_attempt_finds_it_new);
    HEDGEROW_PROBE_IF(now_.boot >= deadline_, lock_not_acquired_in_time);
    answer_no(
        {errc::not_acquired, "the lock \"" + options_.name + "\" was not acquired: " + why_not()});
  } else if (settled && !queued_) {
    HEDGEROW_PROBE(lock_waits_for_holder);
    queued_ = true;
    owner_.on_queued();
  }
}

void lock_engine::answer_no(const error& why) {
  stage_ = stage::free;
  deadline_ = boot_time::never();
  lease_.want(now_, false, effects_);
  drain();
  owner_.on_not_acquired(why);
  drain();
}

std::string lock_engine::after_waits(const std::string& why, instant over) const {
  const auto left = std::max<microseconds>(over - now_.truth.earliest, microseconds{1});
  return why + "; it can be had in " + in_ms(left);
}

std::string lock_engine::why_not() const {
  const auto& row = lease_.known_row();
  if (!now_.truth.trusted(options_.lease.max_error)) return "the clock is not trusted";
  if (!store_trouble_.empty()) return store_trouble_;
  if (lease_.held_token() != 0)
    return after_waits("its row is new, and a deleted one could hide a live holder",
                       lease_.safe_after());
  if (row && row->scale != ports_.clock.scale())
    return "it is used with a clock of the scale \"" + row->scale + "\", this one is of \"" +
           std::string(ports_.clock.scale()) + "\"; all must use the same";
  if (row && row->epoch != lease_.epoch())
    return "the store or the machine was restarted or replaced, and a holder from before may live";
  if (!lease_.must_wait(now_.truth)) return "the store has not answered in time";
  if (row->incarnation == incarnation_) return "its last release is not acknowledged yet";
  return "\"" + row->holder + "\" holds it";
}

result<void> lock_engine::begin(boot_time deadline, bool attempt) {
  switch (stage_) {
    case stage::free:
      break;
    case stage::acquiring:
      return fail(errc::invalid_argument, "the lock is being acquired already");
    case stage::held:
      return fail(errc::invalid_argument, "the lock is held already; release it first");
    case stage::releasing:
      return fail(errc::invalid_argument, "the lock is being released; wait for the end of that");
  }
  turn([&] {
    stage_ = stage::acquiring;
    began_ = now_.boot;
    attempt_ = attempt;
    queued_ = false;
    deadline_ = deadline;
    if (attempt)
      deadline_ = now_.boot + std::min<nanoseconds>(options_.lease.lease / 2, attempt_patience_max);
    lease_.want(now_, true, effects_);
    // What is known may be old, even if it is not yet old enough for a poll.
    if (!lease_.asking()) lease_.look(now_, effects_);
  });
  return {};
}

result<void> lock_engine::acquire(boot_time deadline) {
  return begin(deadline, false);
}

result<void> lock_engine::attempt() {
  return begin({}, true);
}

void lock_engine::release() {
  turn([&] {
    if (stage_ == stage::releasing) return;
    const bool asked_for = stage_ == stage::acquiring;
    stage_ = stage::releasing;
    deadline_ = now_.boot + options_.release_patience;
    // R7: from here on no other thread sees it held.
    update_cell();
    lease_.want(now_, false, effects_);
    HEDGEROW_PROBE_IF(asked_for, lock_not_wanted_any_more);
    if (asked_for)
      owner_.on_not_acquired(
          {errc::stopped, "the lock \"" + options_.name + "\" is not wanted any more"});
  });
}

void lock_engine::look() {
  turn([&] {
    if (stage_ == stage::acquiring) lease_.look(now_, effects_);
  });
}

void lock_engine::on_wake() {
  turn([this] { alarm_.rang(); });
}

void lock_engine::on_lease_reply(ports::request_id id, const ports::lease_reply& reply) {
  turn([&] { lease_.on_reply(now_, id, reply, effects_); });
}

void lock_engine::carry_out(core::lease_effect::submit&& e) {
  ports_.store.submit(e.id, std::move(e.request), e.patience);
}

void lock_engine::carry_out(core::lease_effect::gained&& e) {
  // Released by the owner for what he was told just before.
  if (lease_.held_token() != e.token) return;
  if (stage_ == stage::held) {
    HEDGEROW_PROBE(lock_resumed);
    say(severity::info, "usable again, token " + std::to_string(e.token));
    owner_.on_resumed(e.token);
    return;
  }
  stage_ = stage::held;
  deadline_ = boot_time::never();
  token_ = e.token;
  told_until_ = lease_.act_until();
  say(severity::info, "acquired, token " + std::to_string(e.token));
  update_cell();
  owner_.on_acquired(e.token);
}

void lock_engine::carry_out(core::lease_effect::suspended&& e) {
  if (stage_ != stage::held) return;
  HEDGEROW_PROBE(lock_suspended);
  say(severity::warning, "suspended, token " + std::to_string(e.token));
  owner_.on_suspended(e.token);
}

void lock_engine::carry_out(core::lease_effect::lost&& e) {
  if (stage_ != stage::held) return;
  HEDGEROW_PROBE(lock_lost);
  stage_ = stage::free;
  update_cell();
  say(severity::warning, "lost, token " + std::to_string(e.token) + ": " + e.why);
  owner_.on_lost(e.token, e.why);
}

void lock_engine::carry_out(core::lease_effect::released&& e) {
  say(severity::info, "released, token " + std::to_string(e.token));
  owner_.on_freed();
}

void lock_engine::carry_out(core::lease_effect::waiting&& e) {
  say(severity::info, "waiting " + in_ms(e.how_long) + ": " + e.why);
  owner_.on_waiting(e.how_long, e.why);
}

void lock_engine::carry_out(core::lease_effect::refused&& e) {
  refused_ = error(errc::lease_too_long, "the lock \"" + options_.name + "\": " + e.why);
}

void lock_engine::carry_out(core::lease_effect::store_status&& e) {
  store_trouble_ = e.available ? "" : "the store is not available: " + e.text;
  say(e.available ? severity::info : severity::warning,
      e.available ? "the store answers again" : store_trouble_);
  owner_.on_store(e.available, e.text);
}

}  // namespace hedgerow::engine
