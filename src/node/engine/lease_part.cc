// The engine's side of the lease: leadership, who leads, and the store's word on it.

#include <algorithm>

#include "base/probe.h"
#include "model/loopback.h"
#include "node/engine/state.h"

namespace hedgerow::engine {

void engine::state::on_lease_reply(ports::request_id id, const ports::lease_reply& reply) {
  lease_.on_reply(now_, id, reply, lease_effects_);
  if (view_leader_.active()) view_leader_.on_epoch(lease_.epoch());
  drain();  // R10: the loss of one's own is told before another's lead
  learn_from_row();
}

void engine::state::carry_out(core::lease_effect::submit&& e) {
  ports_.store.submit(e.id, std::move(e.request), e.patience);
}

void engine::state::carry_out(core::lease_effect::gained&& e) {
  if (view_leader_.active() && view_leader_.token() == e.token) return;  // resumed
  // Whoever led between this node's standing back and now stood back too: nobody hears more (C5).
  const auto& row = lease_.known_row();
  const bool may_condemn = stood_back_.token != 0 && row &&
                           row->version == stood_back_.version + stood_back_.others + 1 &&
                           now_.boot - stood_back_.last <= stand_back_cycle();
  HEDGEROW_PROBE_IF(stood_back_.token != 0, engine_leads_after_standing_back);
  HEDGEROW_PROBE_IF(may_condemn, engine_may_condemn);
  stood_back_ = {};
  say(severity::info, "took the lease, token " + std::to_string(e.token));
  view_leader_.begin(now_.boot, e.token, session_.self(), session_.current(), may_condemn,
                     view_effects_);
}

void engine::state::carry_out(core::lease_effect::suspended&& e) {
  say(severity::warning, "leadership suspended, token " + std::to_string(e.token));
}

void engine::state::carry_out(core::lease_effect::lost&& e) {
  view_leader_.end();
  update_leadership();
  ports_.handlers.leadership_ended(e.token + 1);
  say(severity::info, "leadership lost, token " + std::to_string(e.token) + ": " + e.why);
  // By its token: this node may live under a new incarnation by now.
  if (leader_.token == e.token) forget_leader(leader_.at.incarnation);
}

void engine::state::carry_out(core::lease_effect::released&& e) {
  const bool stood_back = e.token == stood_back_.token;
  for (const auto& m : session_.current()->members) {
    if (m.incarnation != incarnation())
      links_.say({m.name, m.address, m.incarnation}, message::released{e.token, stood_back});
  }
}

void engine::state::carry_out(core::lease_effect::waiting&& e) {
  owner_.on_waiting(e.how_long, e.why);
}

void engine::state::carry_out(core::lease_effect::refused&& e) {
  fail_for_good({errc::lease_too_long, std::move(e.why)});
}

void engine::state::carry_out(core::lease_effect::store_status&& e) {
  say(e.available ? severity::info : severity::warning,
      e.available ? "the store answers again" : "the store is not available: " + e.text);
  owner_.on_store(e.available, e.text);
}

bool engine::state::may_lead(const reading& now) const {
  return lease_.may_act(now.truth) && view_leader_.ready() &&
         view_leader_.token() == lease_.held_token();
}

// Puts what the cores say of leadership into the cell, and tells the owner of changes.
void engine::state::update_leadership() {
  leadership_cell::value v;
  if (lease_.held_token() != 0) {
    const bool ready = view_leader_.ready() && view_leader_.token() == lease_.held_token();
    v = {ready ? leadership_state::leading : leadership_state::suspended, lease_.held_token(),
         lease_.act_until(), lease_.safe_after(), options_.lease.max_error};
  }
  cell_.store(v);
  const bool leads = may_lead(now_);
  if (leads && leader_.token == v.token) extend_leader(lease_.expires());
  // A suspended token may come back, its streams do not: they would stand still for nobody knows
  // how long.
  streams_.set_acting(now_.boot, leads ? v.token : 0);
  if (v.state == leadership_state::leading && !leads) v.state = leadership_state::suspended;
  // A lease that was never used is nobody's business yet.
  if (v.state == leadership_state::suspended && announced_ == leadership_state::following) return;
  announce(v.state, v.token);
}

void engine::state::announce(leadership_state next, fencing_token token) {
  if (next == announced_ && token == announced_token_) return;
  if (announced_ != leadership_state::following && token != announced_token_ && token != 0)
    owner_.on_leadership(leadership_state::following, announced_token_);
  const fencing_token told = token != 0 ? token : announced_token_;
  announced_ = next;
  announced_token_ = token;
  owner_.on_leadership(next, told);
  // The owner may have stopped it meanwhile.
  if (next != leadership_state::leading || lease_.held_token() != token) return;
  const auto& self = session_.self();
  learn_leader({{self.name, self.address, self.incarnation}, token, lease_.expires(), false});
}

// Only for who never was a member: a newcomer that is told wrong does no harm to the group. A
// holder of this node's own name is taken for its own earlier life, in a container that is gone.
bool engine::state::cut_off_from(const ports::lease_row& holder) const {
  if (session_.was_member() || holder.holder == session_.self().name) return false;
  if (holder.scale != ports_.clock.scale() || holder.expires < now_.truth.earliest) return false;
  member there;
  there.address = holder.address;
  there.machine = holder.machine;
  return cut_off(session_.self(), there);
}

void engine::state::learn_from_row() {
  const auto& row = lease_.known_row();
  waiting_leader_.reset();
  tell_of_other_scale();
  if (!row || row->released || row->token < leader_.token || row->epoch != lease_.epoch()) return;
  // It could not even be asked to let this node in.
  if (cut_off_from(*row)) {
    fail_cut_off("the leader '" + row->holder + "'", row->address);
    return;
  }
  // Our own row counts when we lead, see announce.
  if (row->incarnation == incarnation() || row->incarnation.empty()) return;
  known_leader found{
      {row->holder, row->address, row->incarnation}, row->token, row->expires, false};
  // It holds the lease, and waits before it leads (R8).
  if (row->safe_after >= now_.truth.earliest) {
    HEDGEROW_PROBE(engine_leader_cools_off);
    waiting_leader_ = {std::move(found), row->safe_after};
    return;
  }
  learn_leader(std::move(found));
}

void engine::state::greet_waiting_leader() {
  if (!waiting_leader_ || now_.truth.earliest <= waiting_leader_->leads_after) return;
  HEDGEROW_PROBE(engine_leader_has_cooled_off);
  learn_leader(std::move(waiting_leader_->who));
  waiting_leader_.reset();
}

// Such a node joins, and never leads: it could not tell when the lease ends.
void engine::state::tell_of_other_scale() {
  const auto& row = lease_.known_row();
  if (!row || row->scale.empty() || row->scale == ports_.clock.scale() || told_of_scale_) return;
  told_of_scale_ = true;
  say(severity::warning, "this node will never lead: its clock is on the scale '" +
                             std::string(ports_.clock.scale()) + "', the group's lease on '" +
                             row->scale + "'; start it with a --clock like the others'");
}

void engine::state::learn_leader(known_leader news) {
  if (news.token < leader_.token) return;
  if (news.token == leader_.token) {
    // Only a later expiry proves that a leader that was taken for gone is there.
    HEDGEROW_PROBE_IF(news.expires > leader_.expires && leader_.gone, engine_leader_not_gone);
    if (news.expires > leader_.expires) leader_.gone = false;
    extend_leader(std::max(leader_.expires, news.expires));
    if (!told_leader_.known()) tell_leader();
    return;
  }
  leader_ = std::move(news);
  beat_nonce_ = 0;
  beat_from_ = 0;
  if (const auto* m = session_.current()->find(leader_.at.incarnation)) leader_.at.name = m->name;
  update_rank();
  tell_leader();
}

void engine::state::extend_leader(instant expires) {
  if (expires == leader_.expires) return;
  leader_.expires = expires;
  // Otherwise tell_leader says all of it.
  if (told_leader_.token == leader_.token && knows_leader(now_))
    owner_.on_leader_extended(leader(now_));
}

void engine::state::forget_leader(const hedgerow::incarnation& who) {
  if (leader_.token == 0 || leader_.gone || leader_.at.incarnation != who) return;
  leader_.gone = true;
  tell_leader();
}

// Candidates queue up in the order of the view, and those who know it but are not in it come last.
// A newcomer knows none, and does not wait for anybody: there may be nobody.
void engine::state::update_rank() {
  const auto& members = session_.current()->members;
  unsigned rank = 0;
  for (const auto& m : members) {
    if (m.incarnation == incarnation()) break;
    if (m.incarnation != leader_.at.incarnation) ++rank;
  }
  lease_.set_rank(std::min(rank, 20U));
}

bool engine::state::knows_leader(const reading& now) const {
  return leader_.token != 0 && !leader_.gone && now.truth.earliest <= leader_.expires;
}

leader_info engine::state::leader(const reading& now) const {
  if (!knows_leader(now)) return {};
  const auto left = std::max(microseconds{0}, leader_.expires - now.truth.latest);
  return {leader_.at.name, leader_.at.address, leader_.at.incarnation, leader_.token,
          std::chrono::duration_cast<milliseconds>(left)};
}

void engine::state::tell_leader() {
  const leader_info info = leader(now_);
  std::optional<core::target> at;
  if (info.known()) at = leader_.at;
  calls_.on_leader(now_.boot, at, call_effects_);
  streams_.on_leader(now_.boot, at);
  if (info.token == told_leader_.token && info.incarnation == told_leader_.incarnation) return;
  told_leader_ = info;
  owner_.on_leader(info);
  tell_subscribers_leader();
}

}  // namespace hedgerow::engine
