// The engine's side of membership: probes, reports, views, joins and leaves.

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"
#include "node/engine/state.h"

namespace hedgerow::engine {
namespace {

core::target target_of(const member& m) {
  return {m.name, m.address, m.incarnation};
}

}  // namespace

void engine::state::on_view_reply(ports::request_id id, const ports::view_reply& reply) {
  view_leader_.on_reply(now_.boot, id, reply, view_effects_);
}

void engine::state::carry_out(core::view_effect::submit&& e) {
  ports_.store.submit(e.id, std::move(e.request), e.patience);
}

// S3: what is published was committed; and R1 is asked again, for the commit took its time.
void engine::state::carry_out(core::view_effect::publish&& e) {
  HEDGEROW_PROBE_IF(!lease_.may_act(ports_.clock.truth()), engine_commit_after_lease);
  if (!lease_.may_act(ports_.clock.truth())) return;
  const auto before = session_.current();
  session_.accept(now_.boot, e.view, session_effects_);
  const message::any push = message::view_push{e.view};
  for (const auto& m : e.view->members) {
    if (m.incarnation != incarnation()) links_.say(target_of(m), push);
  }
  for (const auto& r : e.removed) {
    const member* gone = before->find(r.incarnation);
    if (gone != nullptr && r.reason != removal_reason::crashed) links_.say(target_of(*gone), push);
  }
}

void engine::state::carry_out(core::view_effect::verify&& e) {
  links_.verify(target_of(e.who));
}

void engine::state::carry_out(core::view_effect::answer_join&& e) {
  const auto it = joiners_.find(e.joiner);
  HEDGEROW_PROBE_IF(it == joiners_.end(), engine_joiner_is_gone);
  if (it == joiners_.end()) return;
  // A lost answer is asked for again.
  if (!ports_.transport.send(it->second, e.reply)) joiners_.erase(it);
}

void engine::state::carry_out(core::view_effect::show_view&& e) {
  const auto it = joiners_.find(e.joiner);
  if (it != joiners_.end() && !ports_.transport.send(it->second, message::view_push{e.view}))
    joiners_.erase(it);
}

void engine::state::carry_out(core::view_effect::name_taken&& e) {
  fail_for_good({errc::name_in_use, "name in use by " + e.address + ": the member '" +
                                        session_.self().name + "' is alive; choose another name"});
}

void engine::state::carry_out(core::view_effect::cut_off&& e) {
  fail_cut_off("the member '" + e.from.name + "'", e.from.address);
}

void engine::state::carry_out(core::view_effect::beat&& e) {
  if (lease_.held_token() == 0 || lease_.held_token() != view_leader_.token()) return;
  message::beat beat{e.nonce, lease_.held_token(), lease_.expires(), session_.current()->id, {}};
  for (const auto& m : session_.current()->members) {
    if (m.incarnation == incarnation()) continue;
    beat.extra_subjects = view_leader_.extra_subjects_of(m.incarnation);
    links_.say(target_of(m), beat);
  }
  tell_subscribers_leader();
}

void engine::state::carry_out(core::view_effect::pull_views&& e) {
  for (const auto& m : e.from)
    links_.say(target_of(m), message::view_pull{});
}

void engine::state::carry_out(core::view_effect::stand_back&& e) {
  say(severity::warning, "standing back: " + e.why);
  if (const auto& row = lease_.known_row())
    stood_back_ = {lease_.held_token(), row->version, 0, lease_.held_token(), now_.boot};
  lease_.stand_back(now_, e.why, lease_effects_);
}

void engine::state::carry_out(core::view_effect::deposed&& e) {
  lease_.see_token(e.by);
  say(severity::warning, "the view row has a later token; giving the lease up");
  lease_.stand_back(now_, "a later token leads", lease_effects_);
}

// The lease is released, not left to run out: nobody can lead under the old incarnation.
void engine::state::carry_out(core::view_effect::expelled&& e) {
  lease_.stand_back(now_, "evicted before it led", lease_effects_);
  session_.expel(e.reason, session_effects_);
}

void engine::state::carry_out(core::view_effect::alarm&& e) {
  say(severity::error, e.text);
}

void engine::state::carry_out(core::session_effect::join&& /*e*/) {
  if (leader_to_ask() == 0) return;
  join_asked_ = true;
  links_.say(leader_.at, message::join{session_.self()});
}

void engine::state::carry_out(core::session_effect::pull&& /*e*/) {
  if (HEDGEROW_MUTANT(views_not_compared)) return;
  if (leader_to_ask() != 0) links_.say(leader_.at, message::view_pull{session_.current()->id});
}

void engine::state::carry_out(core::session_effect::changed&& e) {
  follow_view();
  owner_.on_view(e.change);
  tell_subscribers_view();
  for (const auto& r : e.change.removed) {
    joiners_.erase(r.incarnation);
    if (r.reason == removal_reason::crashed || r.reason == removal_reason::replaced)
      settle(links_.drop(r.incarnation), "the member is gone", false);
    else if (r.reason == removal_reason::silent)
      links_.drop_later(now_.boot, r.incarnation);
  }
}

void engine::state::carry_out(core::session_effect::entered&& e) {
  say(severity::info, "a member now, in view " + std::to_string(session_.current()->id.token) +
                          "." + std::to_string(session_.current()->id.sequence));
  owner_.on_member(e.self);
}

// S5: nothing goes on under the old incarnation.
void engine::state::carry_out(core::session_effect::evicted&& e) {
  say(severity::warning, "evicted: " + std::string(to_string(e.reason)));
  owner_.on_evicted(e.reason);
  if (HEDGEROW_MUTANT(evicted_goes_on)) return;
  const auto life = fresh_incarnation();
  view_leader_.end();
  lease_.reincarnate(now_, life, lease_effects_);
  streams_.assume(now_.boot, life);
  session_.reincarnate(now_.boot, life);
  settle(links_.reset(), "this node was evicted", false);
  subscribers_.clear();
  joiners_.clear();
  join_asked_ = false;
  stood_back_ = {};
  beat_from_ = 0;
  ports_.transport.assume(self_as_peer());
  follow_view();
}

void engine::state::carry_out(core::session_effect::failed&& e) {
  fail_for_good(e.why);
}

void engine::state::carry_out(core::session_effect::conflict&& e) {
  say(severity::error, "broken: two different views have the id " + std::to_string(e.id.token) +
                           "." + std::to_string(e.id.sequence));
}

// The rings, and with them the subjects, follow the view.
void engine::state::follow_view() {
  const auto& v = session_.current();
  std::vector<hedgerow::incarnation> subjects;
  if (session_.inside()) {
    const core::rings who(*v, options_.membership.observers_max);
    for (std::uint32_t i = 0; i < v->members.size(); ++i) {
      if (v->members[i].incarnation != incarnation()) continue;
      for (const auto s : who.subjects_of(i))
        subjects.push_back(v->members[s].incarnation);
    }
  }
  for (const auto& extra : extra_subjects_) {
    if (extra != incarnation() && v->find(extra) != nullptr) subjects.push_back(extra);
  }
  observer_.watch(subjects);
  update_rank();
}

void engine::state::probe() {
  const auto orders = observer_.tick(now_.boot);
  for (const auto& o : orders) {
    const member* m = session_.current()->find(o.subject);
    if (m != nullptr) links_.say(target_of(*m), message::probe{o.nonce, session_.current()->id});
  }
  // The leader hears of its own edges now; others report when its beat asks (D4).
  if (!orders.empty() && view_leader_.active()) report();
}

// D4: the full state, to the leader, wherever its beats come from.
void engine::state::report() {
  const auto edges = observer_.edges(now_.boot);
  const bool usable = !observer_.quiet(now_.boot);
  if (view_leader_.active()) {
    view_leader_.on_own_edges(now_.boot, edges, usable, view_effects_);
    return;
  }
  if (beat_from_ == 0 || !session_.inside()) return;
  const message::report report{usable ? beat_nonce_ : 0, session_.current()->id, edges};
  if (!ports_.transport.send(beat_from_, report)) beat_from_ = 0;
}

// P1: who is behind asks for the newest view.
void engine::state::compare_views(ports::connection_id from, const view_id& theirs) {
  HEDGEROW_PROBE_IF(theirs > session_.current()->id, engine_behind_in_views);
  if (HEDGEROW_MUTANT(views_not_compared)) return;
  if (theirs > session_.current()->id &&
      !ports_.transport.send(from, message::view_pull{session_.current()->id}))
    say(severity::debug, "could not ask for a newer view");
}

void engine::state::handle(ports::connection_id from, message::probe&& m) {
  if (ports_.transport.send(from, message::probe_ack{m.nonce, session_.current()->id}))
    compare_views(from, m.view);
}

void engine::state::handle(ports::connection_id from, message::probe_ack&& m) {
  observer_.on_ack(links_.peer_of(from)->incarnation, m.nonce);
  compare_views(from, m.view);
}

void engine::state::handle(ports::connection_id from, message::beat&& m) {
  // No clock is so wrong, and no lease so long; sums with it must not overflow.
  m.expires = std::min(m.expires, now_.truth.latest + std::chrono::hours{24});
  lease_.on_news(now_, m.token, m.expires, lease_effects_);
  drain();  // R10, as for a row
  HEDGEROW_PROBE_IF(m.token < leader_.token, engine_beat_of_past_leader);
  if (m.token < leader_.token || m.token <= view_leader_.token()) return;
  const auto* peer = links_.peer_of(from);
  if (peer == nullptr) return;
  learn_leader({{peer->name, peer->address, peer->incarnation}, m.token, m.expires, false});
  beat_from_ = from;
  beat_nonce_ = m.nonce;
  session_.on_beat(now_.boot);
  tell_subscribers_leader();
  if (extra_subjects_ != m.extra_subjects) {
    HEDGEROW_PROBE_IF(!m.extra_subjects.empty(), engine_helps_to_observe);
    extra_subjects_ = std::move(m.extra_subjects);
    follow_view();
  }
  compare_views(from, m.view);
  report();
}

void engine::state::handle(ports::connection_id from, message::report&& m) {
  view_leader_.on_report(now_.boot, links_.peer_of(from)->incarnation, m, view_effects_);
  compare_views(from, m.view);
}

void engine::state::handle(ports::connection_id /*from*/, message::view_push&& m) {
  view_leader_.on_pulled_view(m.view);
  HEDGEROW_PROBE_IF(view_leader_.active() && m.view->id.token > view_leader_.token(),
                    engine_leader_shown_later_view);
  // A leader's own views are the newest there are, but for those that a store has lost.
  if (!view_leader_.active() || m.view->id.token > view_leader_.token())
    session_.accept(now_.boot, m.view, session_effects_);
}

void engine::state::handle(ports::connection_id from, message::view_pull&& m) {
  const auto& mine = session_.current();
  if (mine->id <= m.have) return;
  if (!ports_.transport.send(from, message::view_push{mine}))
    say(severity::debug, "could not send a view");
}

void engine::state::handle(ports::connection_id from, message::join&& m) {
  const auto& peer = *links_.peer_of(from);
  if (m.who.incarnation != peer.incarnation || m.who.name != peer.name) return;
  joiners_[m.who.incarnation] = from;
  if (may_lead(now_)) {
    view_leader_.on_join(now_.boot, m.who, view_effects_);
    return;
  }
  view_effects_.emplace_back(core::view_effect::answer_join{
      m.who.incarnation, {message::join_status::not_leader, leader(now_).address}});
}

void engine::state::handle(ports::connection_id /*from*/, message::join_reply&& m) {
  if (!join_asked_) return;  // a peer may say anything
  join_asked_ = false;
  // Who was taken for the leader is not: one look at the store says who is.
  if (m.status == message::join_status::not_leader) lease_.on_holder_gone(now_, lease_effects_);
  session_.on_join_reply(now_.boot, m, session_effects_);
}

void engine::state::handle(ports::connection_id from, message::leave&& /*m*/) {
  const auto& who = links_.peer_of(from)->incarnation;
  observer_.on_left(who);
  view_leader_.on_leave(now_.boot, who, view_effects_);
}

void engine::state::handle(ports::connection_id from, message::released&& m) {
  forget_leader(links_.peer_of(from)->incarnation);
  if (m.stood_back && m.token > stood_back_.newest_other) {
    HEDGEROW_PROBE_IF(stood_back_.token != 0, engine_another_stood_back);
    ++stood_back_.others;
    stood_back_.newest_other = m.token;
    stood_back_.last = now_.boot;
  }
  lease_.on_released(now_, m.token, lease_effects_);
}

// Certain evidence: nobody, or somebody else, answers at its address.
void engine::state::subject_refused(const core::target& who) {
  observer_.on_refused(who.incarnation);
  if (who.incarnation != leader_.at.incarnation || leader_.gone) return;
  HEDGEROW_PROBE(engine_leader_refused);
  forget_leader(who.incarnation);
  lease_.on_holder_gone(now_, lease_effects_);
}

}  // namespace hedgerow::engine
