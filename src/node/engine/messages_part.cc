// The engine's side of messaging: connections, requests and replies, and clients that listen.

#include <algorithm>
#include <type_traits>
#include <variant>

#include "base/mutant.h"
#include "base/probe.h"
#include "model/limits.h"
#include "node/engine/state.h"

namespace hedgerow::engine {

void engine::state::on_open(ports::connection_id id, const ports::peer& who) {
  const auto o = links_.on_open(now_.boot, id, who);
  settle(o, "its queue is full", false);
  streams_.on_open(now_.boot, id, o);
  if (o.verification) {
    view_leader_.on_verified(now_.boot, o.peer->incarnation, core::verified::alive, view_effects_);
    return;
  }
  // A new connection of a leader's own starts with the newest view.
  if (o.peer && view_leader_.active() && !HEDGEROW_MUTANT(views_not_compared) &&
      session_.current()->find(o.peer->incarnation) != nullptr &&
      !ports_.transport.send(id, message::view_push{session_.current()}))
    say(severity::debug, "could not send a view");
  // There was no connection when the members were asked.
  HEDGEROW_PROBE_IF(o.peer && view_leader_.gathering(), engine_asks_late_for_views);
  if (o.peer && view_leader_.gathering() && !HEDGEROW_MUTANT(strangers_unasked) &&
      !ports_.transport.send(id, message::view_pull{}))
    say(severity::debug, "could not ask for a view");
  // Someone who has asked to be admitted asks again: there may have been no connection.
  if (o.peer && join_asked_ && !session_.inside() && stopping_ == stopping::no &&
      o.peer->incarnation == leader_.at.incarnation)
    session_effects_.emplace_back(core::session_effect::join{});
  if (!o.peer) return;
  if (const auto order = observer_.ask(o.peer->incarnation))
    links_.say(*o.peer, message::probe{order->nonce, session_.current()->id});
}

void engine::state::on_dial_failed(ports::connection_id id, ports::dial_failure why,
                                   const std::string& text) {
  const auto o = links_.on_dial_failed(id);
  const bool refused = why == ports::dial_failure::refused ||
                       (HEDGEROW_MUTANT(silence_is_refusal) && why == ports::dial_failure::silent);
  const bool other = why == ports::dial_failure::other_incarnation;
  settle(o, text, refused || other);
  streams_.on_dial_failed(now_.boot, o, text, refused || other);
  if (!o.peer) return;
  if (o.verification) {
    const auto outcome = refused ? core::verified::refused
                         : other ? core::verified::other
                                 : core::verified::silent;
    view_leader_.on_verified(now_.boot, o.peer->incarnation, outcome, view_effects_);
  } else if (refused || other) {
    subject_refused(*o.peer);
  }
}

void engine::state::on_closed(ports::connection_id id, const std::string& why) {
  const auto o = links_.on_closed(id);
  settle(o, why, false);
  subscribers_.erase(id);
  std::erase_if(joiners_, [&](const auto& j) { return j.second == id; });
  if (beat_from_ == id) beat_from_ = 0;
  if (!o.peer) return;
  // A closed connection is half of the certain evidence; the other half is a new one, refused.
  const bool member = session_.current()->find(o.peer->incarnation) != nullptr;
  const bool leader = o.peer->incarnation == leader_.at.incarnation && !leader_.gone;
  if ((member || leader) && stopping_ == stopping::no) links_.ensure(*o.peer);
}

void engine::state::on_retired(ports::connection_id id) {
  // The new one is dialled now: probes and beats must not miss a period.
  HEDGEROW_PROBE(engine_connection_retired);
  if (const auto peer = links_.retire(id)) links_.ensure(*peer);
}

void engine::state::give_up(ports::connection_id id) {
  ports_.transport.close(id);
  on_closed(id, "its queue is full");
}

void engine::state::settle(const links::outcome& o, const std::string& why, bool gone) {
  for (const auto request : o.sent)
    calls_.on_sent(request);
  for (const auto request : o.unsent) {
    calls_.on_unsent(now_.boot, request, why, gone, call_effects_);
  }
  for (const auto request : o.cut)
    calls_.on_cut(now_.boot, request, why, call_effects_);
  streams_.on_closed(now_.boot, o, why);
}

void engine::state::on_message(ports::connection_id id, message::any&& what) {
  if (streams_.on_message(now_.boot, id, what)) return;
  const auto* peer = links_.peer_of(id);
  if (peer == nullptr) return;
  const bool for_clients = std::holds_alternative<message::request>(what) ||
                           std::holds_alternative<message::subscribe>(what) ||
                           std::holds_alternative<message::view_pull>(what);
  if (peer->role == ports::peer_role::client && !for_clients) {
    say(severity::warning, "a client sent what only members may send; ignored");
    return;
  }
  std::visit([&](auto&& m) { handle(id, std::forward<decltype(m)>(m)); }, std::move(what));
}

core::streams::authority engine::state::stream_authority() const {
  const leader_info known = leader(now_);
  return {
      acting_token(),    session_.inside(), stopping_ != stopping::no, session_.current()->id.token,
      known.incarnation, known.address};
}

void engine::state::send(call_id id, bytes payload, boot_time deadline) {
  ++sent_in_turn_;
  calls_.send(now_.boot, id, std::move(payload), deadline, call_effects_);
}

void engine::state::broadcast(call_id id, const bytes& payload, boot_time deadline,
                              bool skip_self) {
  std::vector<core::target> to;
  for (const auto& m : session_.current()->members) {
    if (!skip_self || m.incarnation != incarnation())
      to.push_back({m.name, m.address, m.incarnation});
  }
  calls_.broadcast(now_.boot, id, payload, deadline, std::move(to), call_effects_);
}

void engine::state::carry_out(core::call_effect::transmit&& e) {
  const auto request = e.request.id;
  if (e.to->incarnation == incarnation()) {
    calls_.on_sent(request);
    inbox_.on_request(now_.boot, 0, std::move(e.request), authority(), inbox_effects_);
  } else {
    const auto carried = links_.carry(now_.boot, *e.to, std::move(e.request));
    if (carried == links::carried::sent) calls_.on_sent(request);
    if (carried == links::carried::no)
      calls_.on_unsent(now_.boot, request, "no connection to " + e.to->address, false,
                       call_effects_);
  }
}

void engine::state::carry_out(core::call_effect::forget&& e) {
  links_.forget(e.to, e.request);
}

void engine::state::carry_out(core::call_effect::send_done&& e) {
  owner_.on_send_done(e.id, std::move(e.outcome));
}
void engine::state::carry_out(core::call_effect::broadcast_reply&& e) {
  owner_.on_broadcast_reply(e.id, std::move(e.answer));
}
void engine::state::carry_out(core::call_effect::broadcast_done&& e) {
  owner_.on_broadcast_done(e.id);
}

core::authority engine::state::authority() const {
  core::authority out{may_lead(now_),
                      session_.inside(),
                      stopping_ != stopping::no,
                      lease_.held_token(),
                      session_.current()->id.token,
                      {},
                      {}};
  if (knows_leader(now_)) {
    out.leader = leader_.at.incarnation;
    out.leader_address = leader_.at.address;
  }
  return out;
}

void engine::state::handle(ports::connection_id from, message::request&& m) {
  inbox_.on_request(now_.boot, from, std::move(m), authority(), inbox_effects_);
}

void engine::state::carry_out(core::inbox_effect::run&& e) {
  auto done = ports_.handlers.run(e.id, e.work);
  if (done) inbox_.on_job_done(e.id, std::move(*done), inbox_effects_);
}

void engine::state::carry_out(core::inbox_effect::answer&& e) {
  if (e.connection == 0) {
    calls_.on_reply(now_.boot, std::move(e.reply), call_effects_);
  } else if (!ports_.transport.send(e.connection, std::move(e.reply))) {
    HEDGEROW_PROBE(engine_asker_is_gone);
    say(severity::debug, "the asker of a request is gone, its answer is dropped");
    // No room for it: the end of the connection tells the asker that nothing will come.
    if (links_.peer_of(e.connection) != nullptr) give_up(e.connection);
  }
}

void engine::state::on_job_done(ports::job_id id, ports::job_result&& outcome) {
  inbox_.on_job_done(id, std::move(outcome), inbox_effects_);
}

void engine::state::handle(ports::connection_id from, message::reply&& m) {
  observer_.on_answer(links_.peer_of(from)->incarnation);
  if (links_.answered(from, m.id)) calls_.on_reply(now_.boot, std::move(m), call_effects_);
}

void engine::state::handle(ports::connection_id from, message::subscribe&& /*m*/) {
  if (subscribers_.contains(from)) {
    // It asks whether anybody is here. The view, which may be large, it has.
    if (!ports_.transport.send(from, leader_news())) subscribers_.erase(from);
    return;
  }
  if (subscribers_.size() >= limits::subscribers_max) {
    ports_.transport.close(from);
    settle(links_.on_closed(from), "too many subscribers", false);
    return;
  }
  subscribers_.insert(from);
  if (!ports_.transport.send(from, message::view_push{session_.current()}) ||
      !ports_.transport.send(from, leader_news()))
    subscribers_.erase(from);
}

void engine::state::handle(ports::connection_id /*from*/, message::leader_news&& /*m*/) {}

message::leader_news engine::state::leader_news() const {
  const leader_info info = leader(now_);
  const auto age = std::chrono::duration_cast<milliseconds>(now_.boot - session_.view_since());
  return {info.name,  info.address,           info.incarnation,
          info.token, info.remaining.count(), age.count()};
}

void engine::state::tell_subscribers_view() {
  std::erase_if(subscribers_, [&](const auto id) {
    return !ports_.transport.send(id, message::view_push{session_.current()});
  });
}

void engine::state::tell_subscribers_leader() {
  const auto news = leader_news();
  std::erase_if(subscribers_, [&](const auto id) { return !ports_.transport.send(id, news); });
}

}  // namespace hedgerow::engine
