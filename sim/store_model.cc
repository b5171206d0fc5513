#include "sim/store_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/delay.h"
#include "sim/describe.h"

namespace hedgerow::sim {
namespace {

using ports::store_outcome;

constexpr std::size_t past_kept = 256;

}  // namespace

store_model::store_model(kernel& world, const swarm& with, router& processes,
                         store_watcher& watcher)
    : world_(world),
      with_(with),
      processes_(processes),
      watcher_(watcher),
      random_(base::mix(with.seed ^ 0x5702eULL)),
      old_copy_until_(with.slots, 0),
      frozen_until_(with.slots, 0),
      lease_frozen_until_(with.slots, 0),
      locks_(with.locks) {
  change_epoch();
  lease_past_.push_back({});
  for (auto& one : locks_)
    one.states.push_back({});
  view_past_.push_back({});
}

std::string store_model::epoch_now() const {
  return fmt::format("{}tl{}", clock_epoch_, promotions_ + 1);
}

void store_model::change_epoch() {
  rows_.epoch = epoch_now();
  for (auto& one : locks_)
    one.rows.epoch = rows_.epoch;
}

void store_model::set_epoch(const std::string& clock_epoch) {
  clock_epoch_ = clock_epoch;
  ++primary_;
  old_.reset();  // of a boot that is over
  sibling_.reset();
  change_epoch();
}

std::uint64_t store_model::take_slot() {
  if (free_.empty()) {
    statements_.emplace_back();
    return statements_.size() - 1;
  }
  const auto index = free_.back();
  free_.pop_back();
  statements_[index] = {};
  return index;
}

void store_model::let_go(std::uint64_t index) {
  if (--statements_[index].planned == 0) free_.push_back(index);
}

void store_model::submit(const endpoint& who, ports::request_id id, ports::lease_request request,
                         nanoseconds patience) {
  const auto index = take_slot();
  statements_[index].id = id;
  if (world_.trace.wants(detail::statements))
    world_.trace.say(world_.now, fmt::format("p{} submits {}", who.id, describe(request)));
  statements_[index].request = std::move(request);
  submit_any(who, index, patience);
}

void store_model::submit(const endpoint& who, ports::request_id id, ports::view_request request,
                         nanoseconds patience) {
  const auto index = take_slot();
  auto& s = statements_[index];
  s.id = id;
  s.number = ++numbers_;
  if (world_.trace.wants(detail::statements))
    world_.trace.say(world_.now, fmt::format("p{} submits {}", who.id, describe(request)));
  watcher_.on_view_submitted(who.id, s.number, request);
  s.request = std::move(request);
  submit_any(who, index, patience);
}

void store_model::submit(const endpoint& who, lock_row at, ports::request_id id,
                         ports::lease_request request, nanoseconds patience) {
  const auto index = take_slot();
  auto& s = statements_[index];
  s.id = id;
  s.lock = at;
  if (world_.trace.wants(detail::statements))
    world_.trace.say(world_.now,
                     fmt::format("p{} submits for lock {} {}", who.id, at.lock, describe(request)));
  s.request = std::move(request);
  submit_any(who, index, patience);
}

void store_model::submit_any(const endpoint& who, std::uint64_t index, nanoseconds patience) {
  auto& s = statements_[index];
  s.process = who.id;
  s.slot = who.slot;
  s.begin_until = world_.now + patience.count();
  s.planned = 1;
  world_.plan(world_.now + random_.between(0, with_.statement.least), event_kind::store_begin, 0,
              index);
}

true_time store_model::frozen_until(const statement& s) const {
  const bool lease = std::holds_alternative<ports::lease_request>(s.request);
  return std::max(
      {frozen_all_until_, frozen_until_[s.slot], lease ? lease_frozen_until_[s.slot] : 0});
}

// Whether it can't begin now; then it is planned again, failed, or never begun.
bool store_model::held_back(std::uint64_t index) {
  auto& s = statements_[index];
  const endpoint& client = processes_.endpoint_of(s.process);
  if (!client.alive || world_.now > s.begin_until) return true;
  if (client.paused) {
    ++s.planned;
    world_.plan(world_.now + 20 * millisecond, event_kind::store_begin, 0, index);
    return true;
  }
  const true_time frozen = frozen_until(s);
  if (frozen <= world_.now) return false;
  if (refuses_ && frozen == frozen_all_until_) {
    world_.tally.hit(fault::store_failed);
    fail(index, store_outcome::failed, random_.between(0, 2 * with_.statement.most));
  } else {
    // It may be over sooner than it was meant to be.
    ++s.planned;
    world_.plan(std::min(frozen, world_.now + 20 * millisecond), event_kind::store_begin, 0, index);
  }
  return true;
}

void store_model::begin(std::uint64_t index) {
  if (held_back(index)) return;
  auto& s = statements_[index];
  const bool calm = healed_;
  if (!calm && chance_ppm(random_, with_.fail_before)) {
    world_.tally.hit(fault::store_failed);
    fail(index, store_outcome::failed, random_.between(0, with_.statement.most));
    return;
  }
  s.primary = primary_;
  true_time until_executed = random_.between(with_.statement.least, with_.statement.most);
  if (!calm) {
    const auto d = draw_delay(random_, with_.statement);
    until_executed = d.length;
    s.told_nothing = chance_ppm(random_, with_.silent);
    s.told_unknown = chance_ppm(random_, with_.unknown);
    if (s.told_unknown) s.executes = random_.chance(0.6);
    if (chance_ppm(random_, with_.late)) {
      world_.tally.hit(fault::store_late);
      until_executed = random_.between(with_.lease() / 4, 3 * with_.lease());
    }
    s.conflicts = chance_ppm(random_, with_.conflict);
    if (s.told_nothing) world_.tally.hit(fault::store_silent);
    if (s.told_unknown) {
      world_.tally.hit(s.executes ? fault::store_unknown : fault::store_unknown_lost);
      // The connection may break before or after the execution.
      fail(index, store_outcome::unknown, random_.between(0, 2 * until_executed));
    }
  }
  if (const auto it = creation_.find(s.slot); it != creation_.end() && it->second > world_.now) {
    const auto* asked = std::get_if<ports::lease_request>(&s.request);
    s.told_nothing |= asked != nullptr && asked->action == ports::lease_action::create;
    if (s.told_nothing) until_executed = it->second - world_.now;
  }
  ++s.planned;
  world_.plan(world_.now + until_executed, event_kind::store_execute, 0, index);
}

void store_model::execute(std::uint64_t index) {
  auto& s = statements_[index];
  if (!s.executes) return;
  if (s.primary != primary_) {
    // It had begun on a primary that is no more.
    if (!s.told_unknown && !s.told_nothing && random_.chance(0.5))
      fail(index, store_outcome::unknown, random_.between(0, with_.statement.most));
    return;
  }
  if (fails_instead(s)) {
    if (!s.told_unknown && !s.told_nothing)
      fail(index, store_outcome::failed, random_.between(0, with_.statement.most));
    return;
  }
  if (at_old_copy(s)) {
    read_old_copy(s);
    if (!s.told_unknown && !s.told_nothing)
      answer(index, random_.between(with_.statement.least, with_.statement.most));
    return;
  }
  ++executed_;
  world_.trace.mix(index ^ s.id);
  if (std::holds_alternative<ports::lease_request>(s.request)) {
    execute_lease(s);
  } else {
    auto& view = std::get<ports::view_request>(s.request);
    const auto before = rows_.view;
    s.view_reply = rows_.execute(view);
    if (view.action != ports::view_action::read && s.view_reply.applied) remember_view();
    watcher_.on_view_executed(s.number, view, before, s.view_reply);
  }
  if (world_.trace.wants(detail::statements)) {
    const auto* lease = std::get_if<ports::lease_request>(&s.request);
    const auto text = lease != nullptr ? describe(*lease, s.lease_reply)
                                       : describe(std::get<1>(s.request), s.view_reply);
    world_.trace.say(world_.now, fmt::format("store: p{} {}", s.process, text));
  }
  if (s.told_unknown || s.told_nothing) return;
  answer(index, random_.between(with_.statement.least, with_.statement.most));
}

bool store_model::writes(const statement& s) const {
  const auto* lease = std::get_if<ports::lease_request>(&s.request);
  return lease != nullptr
             ? lease->action != ports::lease_action::read
             : std::get<ports::view_request>(s.request).action != ports::view_action::read;
}

bool store_model::at_old_copy(const statement& s) const {
  return old_ && world_.now < old_copy_until_[s.slot];
}

// The server says ERROR, and nothing has happened.
bool store_model::fails_instead(const statement& s) {
  if (s.conflicts) {
    world_.tally.hit(fault::store_conflict);
    return true;
  }
  if (!writes(s)) return false;
  if (world_.now < full_until_) {
    world_.tally.hit(fault::store_full);
    return true;
  }
  return at_old_copy(s);
}

void store_model::read_old_copy(statement& s) {
  world_.tally.hit(fault::store_old_copy);
  if (const auto* lease = std::get_if<ports::lease_request>(&s.request)) {
    s.lease_reply = (s.lock ? old_locks_[s.lock->lock] : *old_).execute(*lease);
  } else {
    s.view_reply = old_->execute(std::get<ports::view_request>(s.request));
  }
}

void store_model::execute_lease(statement& s) {
  const auto& request = std::get<ports::lease_request>(s.request);
  auto& rows = s.lock ? locks_[s.lock->lock].rows : rows_;
  const auto before = rows.lease;
  s.lease_reply = rows.execute(request);
  if (rows.lease != before && s.lock) remember_lock(locks_[s.lock->lock]);
  if (rows.lease != before && !s.lock) remember_lease();
  watcher_.on_lease_executed(s.process, request, s.lease_reply);
}

void store_model::answer(std::uint64_t index, true_time after) {
  auto& s = statements_[index];
  ++s.planned;
  const bool lease = std::holds_alternative<ports::lease_request>(s.request);
  // A frozen store gives no answers either.
  const true_time at = std::max(world_.now + after, frozen_until(s));
  world_.plan(at, lease ? event_kind::lease_reply : event_kind::view_reply, s.process, index);
}

void store_model::fail(std::uint64_t index, ports::store_outcome how, true_time after) {
  auto& s = statements_[index];
  s.lease_reply = {};
  s.lease_reply.outcome = how;
  s.lease_reply.error = "the simulated store";
  s.view_reply = {};
  s.view_reply.outcome = how;
  s.view_reply.error = "the simulated store";
  answer(index, after);
}

void store_model::on_event(const event& e) {
  if (e.kind == event_kind::store_begin) {
    begin(e.a);
  } else {
    execute(e.a);
  }
  let_go(e.a);
}

void store_model::deliver(endpoint& to, const event& reply) {
  auto& s = statements_[reply.a];
  // Executed meanwhile or not: who was to be told "unknown" is.
  if (s.told_unknown) {
    s.lease_reply = {};
    s.lease_reply.outcome = store_outcome::unknown;
    s.view_reply = {};
    s.view_reply.outcome = store_outcome::unknown;
  }
  if (s.lock) {
    to.lock_news[s.lock->client]->on_lease_reply(s.id, s.lease_reply);
  } else if (reply.kind == event_kind::lease_reply) {
    to.store_news->on_lease_reply(s.id, s.lease_reply);
  } else {
    watcher_.on_view_settled(to.id);
    to.store_news->on_view_reply(s.id, s.view_reply);
  }
  let_go(reply.a);
}

void store_model::discard(const event& reply) {
  let_go(reply.a);
}

void store_model::remember_lease() {
  lease_past_.push_back({world_.now, rows_.lease});
  if (lease_past_.size() > past_kept) lease_past_.pop_front();
}

void store_model::remember_lock(lock_table& one) {
  one.states.push_back({world_.now, one.rows.lease});
  if (one.states.size() > past_kept) one.states.pop_front();
}

void store_model::remember_view() {
  view_past_.push_back({world_.now, rows_.view});
  if (view_past_.size() > past_kept) view_past_.pop_front();
}

store_model::copy store_model::copy_at(true_time lease_as_of, true_time view_as_of) const {
  const auto row_at = [](const auto& states, true_time t) {
    auto then = states.rbegin();
    while (std::next(then) != states.rend() && then->since > t)
      ++then;
    return then->row;
  };
  copy c{row_at(lease_past_, lease_as_of), row_at(view_past_, view_as_of), {}, view_as_of};
  for (const auto& one : locks_)
    c.locks.push_back(row_at(one.states, lease_as_of));
  return c;
}

// Another takes its place, under an epoch that no promotion before it had.
void store_model::leave_primary() {
  old_ = rows_;
  old_locks_.clear();
  for (const auto& one : locks_)
    old_locks_.push_back(one.rows);
  ++promotions_;
  ++primary_;
}

void store_model::promote(true_time lease_as_of, true_time view_as_of) {
  leave_primary();
  world_.tally.hit(fault::store_promoted);
  replace_rows(copy_at(lease_as_of, view_as_of), "promoted");
}

void store_model::leave_sibling(true_time as_of) {
  sibling_ = copy_at(as_of, as_of);
}

bool store_model::lacks_a_row(const copy& c) const {
  bool lacks = rows_.lease && !c.lease;
  for (std::size_t i = 0; i < locks_.size(); ++i)
    lacks |= locks_[i].rows.lease && !c.locks[i];
  return lacks;
}

void store_model::promote_sibling() {
  leave_primary();
  world_.tally.hit(fault::store_sibling);
  replace_rows(*sibling_, "a sibling is promoted");
  sibling_.reset();
}

void store_model::restore(true_time as_of) {
  ++promotions_;
  world_.tally.hit(fault::store_restored);
  replace_rows(copy_at(as_of, as_of), "restored");
}

void store_model::replace_rows(const copy& by, std::string_view what) {
  change_epoch();
  if (by.view_as_of < rewound_at_) watcher_.on_view_history_lost();
  rewound_at_ = world_.now;
  if (rows_.lease != by.lease) {
    world_.tally.hit(fault::lease_row_rolled_back);
    rows_.lease = by.lease;
    remember_lease();
  }
  for (std::size_t i = 0; i < locks_.size(); ++i) {
    if (locks_[i].rows.lease == by.locks[i]) continue;
    world_.tally.hit(fault::lease_row_rolled_back);
    locks_[i].rows.lease = by.locks[i];
    remember_lock(locks_[i]);
  }
  if (rows_.view != by.view) {
    world_.tally.hit(fault::view_row_rolled_back);
    rows_.view = by.view;
    remember_view();
  }
  if (world_.trace.wants(detail::transitions))
    world_.trace.say(world_.now, fmt::format("store: {}, epoch {}, {}, {}", what, rows_.epoch,
                                             describe(rows_.lease), describe(rows_.view)));
}

void store_model::truncate() {
  if (!rows_.lease && !rows_.view) return;
  rows_.lease.reset();
  rows_.view.reset();
  rewound_at_ = world_.now;
  watcher_.on_view_history_lost();
  remember_lease();
  remember_view();
  world_.tally.hit(fault::store_truncated);
  if (world_.trace.wants(detail::transitions)) world_.trace.say(world_.now, "store: truncated");
}

void store_model::fill(true_time until) {
  full_until_ = std::max(full_until_, until);
  if (world_.trace.wants(detail::transitions)) world_.trace.say(world_.now, "store: full");
}

void store_model::show_old_copy(std::uint32_t slot, true_time until) {
  if (!old_) return;
  old_copy_until_[slot] = std::max(old_copy_until_[slot], until);
  if (world_.trace.wants(detail::transitions))
    world_.trace.say(world_.now, fmt::format("store: host {} reads epoch {}", slot, old_->epoch));
}

void store_model::delete_lease_row() {
  if (!rows_.lease) return;
  rows_.lease.reset();
  remember_lease();
  world_.tally.hit(fault::lease_row_deleted);
  if (world_.trace.wants(detail::transitions)) world_.trace.say(world_.now, "store: row deleted");
}

void store_model::delete_lock_row(std::uint32_t lock) {
  auto& one = locks_[lock];
  if (!one.rows.lease) return;
  one.rows.lease.reset();
  remember_lock(one);
  world_.tally.hit(fault::lease_row_deleted);
  if (world_.trace.wants(detail::transitions))
    world_.trace.say(world_.now, fmt::format("store: row of lock {} deleted", lock));
}

void store_model::freeze(std::uint32_t slot, true_time until) {
  frozen_until_[slot] = std::max(frozen_until_[slot], until);
}

void store_model::freeze_lease(std::uint32_t slot, true_time until) {
  lease_frozen_until_[slot] = std::max(lease_frozen_until_[slot], until);
}

void store_model::thaw(std::uint32_t slot) {
  frozen_until_[slot] = world_.now;
  lease_frozen_until_[slot] = world_.now;
}

void store_model::freeze_all(true_time until, bool refuses) {
  frozen_all_until_ = std::max(frozen_all_until_, until);
  refuses_ = refuses;
}

void store_model::heal() {
  healed_ = true;
  frozen_all_until_ = world_.now;
  full_until_ = world_.now;
  std::fill(old_copy_until_.begin(), old_copy_until_.end(), world_.now);
  for (std::uint32_t s = 0; s < with_.slots; ++s)
    thaw(s);
}

}  // namespace hedgerow::sim
