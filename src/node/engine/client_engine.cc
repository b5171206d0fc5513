#include "node/engine/client_engine.h"

#include <algorithm>
#include <variant>

#include "base/probe.h"
#include "base/random.h"
#include "core/membership/session.h"
#include "model/limits.h"

namespace hedgerow::engine {
namespace {

constexpr nanoseconds dial_patience = milliseconds{1000};
constexpr nanoseconds look_again = milliseconds{200};
// An agent tells who leads with each beat that it hears, several times a second; where nobody
// leads, it has nothing to tell. Who is silent for so long is asked whether it is there.
constexpr nanoseconds feed_quiet = milliseconds{2000};
// A member that is silent for so long is none any more; and to be wrong costs a dial and a view.
// Twice as long each time until somebody answers: a view of hundreds may come over a slow link, or
// after those of as many other clients that have lost the same agent.
constexpr nanoseconds feed_patience = milliseconds{2000};
constexpr nanoseconds feed_patience_max = seconds{64};

core::target target_of(const member& m) {
  return {m.name, m.address, m.incarnation};
}

}  // namespace

client_engine::client_engine(ports_in_use ports, client_listener& owner, stream_listener& streams,
                             std::size_t payload_bytes_max, std::uint64_t seed)
    : ports_(ports),
      owner_(owner),
      self_{base::mix(seed), base::mix(seed + 1)},
      calls_({}, payload_bytes_max),
      links_(ports.transport, dial_patience),
      streams_(
          {{}, payload_bytes_max, limits::stream_windows_max}, ports.transport, links_, streams,
          [] { return core::streams::authority{}; },
          [this](ports::connection_id id) { give_up(id); }),
      alarm_(ports.timers),
      patience_(feed_patience),
      view_(std::make_shared<const hedgerow::view>()) {}

template <class Event>
void client_engine::turn(Event event) {
  if (in_turn_) {
    event();
    return;
  }
  in_turn_ = true;
  now_ = ports_.clock.now();
  event();
  watch_feed();
  if (now_.boot >= feed_retry_) {
    feed_retry_ = boot_time::never();
    follow_next();
  }
  calls_.tick(now_.boot, effects_);
  streams_.tick(now_.boot);
  if (now_.boot >= links_.next_wake())
    settle(links_.drop_due(now_.boot, *view_), "the member is gone", false);
  drain();
  const boot_time due = std::min(
      {calls_.next_wake(), streams_.next_wake(), links_.next_wake(), feed_retry_, feed_check_});
  const boot_time at = std::max(due, now_.boot + milliseconds{1});
  alarm_.set(at);
  in_turn_ = false;
}

void client_engine::drain() {
  while (streams_.drain(now_.boot) || !effects_.empty()) {
    // What is carried out may add effects; the two lists take turns, and keep their memory.
    auto batch = std::exchange(spare_effects_, {});
    batch.swap(effects_);
    for (auto& e : batch) {
      if (auto* t = std::get_if<core::call_effect::transmit>(&e)) {
        const auto request = t->request.id;
        const auto carried = links_.carry(now_.boot, *t->to, std::move(t->request));
        if (carried == links::carried::sent) calls_.on_sent(request);
        if (carried == links::carried::no)
          calls_.on_unsent(now_.boot, request, "no connection to " + t->to->address, false,
                           effects_);
      } else if (const auto* f = std::get_if<core::call_effect::forget>(&e)) {
        links_.forget(f->to, f->request);
      } else if (auto* s = std::get_if<core::call_effect::send_done>(&e)) {
        owner_.on_send_done(s->id, std::move(s->outcome));
      } else if (auto* r = std::get_if<core::call_effect::broadcast_reply>(&e)) {
        owner_.on_broadcast_reply(r->id, std::move(r->answer));
      } else if (auto* d = std::get_if<core::call_effect::broadcast_done>(&e)) {
        owner_.on_broadcast_done(d->id);
      }
    }
    batch.clear();
    spare_effects_ = std::move(batch);
  }
}

void client_engine::start() {
  turn([this] {
    ports_.transport.assume({ports::peer_role::client, {}, {}, self_});
    owner_.on_addresses_wanted();
  });
}

void client_engine::on_wake() {
  turn([this] { alarm_.rang(); });
}

void client_engine::offer(const std::vector<std::string>& addresses) {
  turn([&] {
    for (const auto& a : addresses) {
      const bool known = std::find(candidates_.begin(), candidates_.end(), a) != candidates_.end();
      if (!known && !a.empty()) candidates_.push_back(a);
    }
    if (candidates_.empty()) {
      HEDGEROW_PROBE(client_knows_nobody);
      if (problem_.empty()) problem_ = "no agent of this group is known";
      feed_retry_ = now_.boot + look_again;
    } else {
      follow_next();
    }
  });
}

void client_engine::follow_next() {
  if (feed_ != 0 || stopped_) return;
  if (candidates_.empty()) {
    owner_.on_addresses_wanted();
    return;
  }
  dialled_ = candidates_.front();
  candidates_.pop_front();
  feed_ = ports_.transport.dial(dialled_, {}, dial_patience);
  feed_told_ = false;
}

void client_engine::ask_feed() {
  feed_asked_ = true;
  feed_check_ = now_.boot + patience_;
  // An agent that was asked already says once more who leads. What can't be sent is not answered.
  static_cast<void>(ports_.transport.send(feed_, message::subscribe{}));
}

// The kernel of a process that is stopped goes on to acknowledge: its connections never end.
void client_engine::watch_feed() {
  if (now_.boot < feed_check_) return;
  // A loop that comes so late stood still itself, and the answer may lie behind this turn.
  const bool late = now_.boot >= feed_check_ + feed_patience;
  if (!feed_asked_ || late) {
    ask_feed();
    return;
  }
  HEDGEROW_PROBE(client_agent_silent);
  problem_ = dialled_ + " has fallen silent";
  patience_ = std::min(2 * patience_, feed_patience_max);
  ports_.transport.close(feed_);
  leave_feed();
}

// Any member will do; what was known stays until somebody knows better.
void client_engine::leave_feed() {
  feed_ = 0;
  feed_check_ = boot_time::never();
  feed_retry_ = now_.boot;
  // Who has told something knew the members. Behind one that has not, the list goes on: it may be
  // all that is known.
  if (feed_told_) candidates_.clear();
  if (!candidates_.empty()) return;
  // From the next one on: else two that end each feed would take turns, and others get none.
  const auto& all = view_->members;
  const auto left = [this](const member& m) { return m.address == dialled_; };
  const auto at = std::find_if(all.begin(), all.end(), left);
  for (auto m = at; m != all.end(); ++m) {
    if (!left(*m)) candidates_.push_back(m->address);
  }
  for (auto m = all.begin(); m != at; ++m)
    candidates_.push_back(m->address);
}

void client_engine::send(core::call_id id, bytes payload, boot_time deadline) {
  turn([&] { calls_.send(now_.boot, id, std::move(payload), deadline, effects_); });
}

void client_engine::broadcast(core::call_id id, const bytes& payload, boot_time deadline) {
  turn([&] {
    std::vector<core::target> to;
    for (const auto& m : view_->members)
      to.push_back(target_of(m));
    calls_.broadcast(now_.boot, id, payload, deadline, std::move(to), effects_);
  });
}

void client_engine::stop() {
  turn([&] {
    stopped_ = true;
    calls_.stop(effects_);
    streams_.stop(now_.boot);
  });
}

core::stream_id client_engine::new_stream_id() {
  return streams_.new_id();
}
void client_engine::open_stream(core::stream_id id, core::stream_request&& what) {
  turn([&] { streams_.open(now_.boot, id, std::move(what)); });
}
void client_engine::stream_write(core::stream_id id, slice data, std::uint64_t messages) {
  turn([&] { streams_.write(now_.boot, id, std::move(data), messages); });
}
void client_engine::stream_finish(core::stream_id id) {
  turn([&] { streams_.finish(now_.boot, id); });
}
void client_engine::stream_cancel(core::stream_id id, message::stream_code code,
                                  const std::string& text) {
  turn([&] { streams_.cancel(now_.boot, id, code, text); });
}
void client_engine::stream_consumed(core::stream_id id, std::uint64_t messages, std::size_t bytes) {
  turn([&] { streams_.consumed(now_.boot, id, messages, bytes); });
}
void client_engine::on_drained(ports::connection_id id, std::size_t bytes) {
  turn([&] { streams_.on_drained(now_.boot, id, bytes); });
}

leader_info client_engine::leader() const {
  leader_info known = leader_;
  const auto left = std::max(nanoseconds{0}, leader_until_ - ports_.clock.now().boot);
  if (known.known()) known.remaining = std::chrono::duration_cast<milliseconds>(left);
  return known;
}

void client_engine::settle(const links::outcome& o, const std::string& why, bool gone) {
  for (const auto r : o.sent)
    calls_.on_sent(r);
  for (const auto r : o.unsent)
    calls_.on_unsent(now_.boot, r, why, gone, effects_);
  for (const auto r : o.cut)
    calls_.on_cut(now_.boot, r, why, effects_);
  streams_.on_closed(now_.boot, o, why);
}

void client_engine::give_up(ports::connection_id id) {
  ports_.transport.close(id);
  settle(links_.on_closed(id), "its queue is full", false);
}

void client_engine::on_open(ports::connection_id id, const ports::peer& who) {
  turn([&] {
    if (id != feed_) {
      const auto o = links_.on_open(now_.boot, id, who);
      settle(o, "its queue is full", false);
      streams_.on_open(now_.boot, id, o);
      return;
    }
    ask_feed();
  });
}

void client_engine::on_dial_failed(ports::connection_id id, ports::dial_failure why,
                                   const std::optional<ports::peer>& /*actual*/,
                                   const std::string& text) {
  turn([&] {
    if (id != feed_) {
      const bool gone =
          why == ports::dial_failure::refused || why == ports::dial_failure::other_incarnation;
      const auto o = links_.on_dial_failed(id);
      settle(o, text, gone);
      streams_.on_dial_failed(now_.boot, o, text, gone);
      return;
    }
    HEDGEROW_PROBE_IF(why == ports::dial_failure::refused, client_node_refuses);
    HEDGEROW_PROBE_IF(why == ports::dial_failure::silent, client_node_silent);
    problem_ = "no answer from " + dialled_ + ": " + text;
    feed_ = 0;
    feed_retry_ = candidates_.empty() ? now_.boot + look_again : now_.boot;
  });
}

void client_engine::on_closed(ports::connection_id id, const std::string& why) {
  turn([&] {
    if (id != feed_) {
      settle(links_.on_closed(id), why, false);
      return;
    }
    HEDGEROW_PROBE(client_feed_lost);
    leave_feed();
    if (feed_told_) return;
    // It would be so again at once.
    problem_ = dialled_ + " ended the connection at once, as an agent does that has as many " +
               "clients as it serves (" + std::to_string(limits::subscribers_max) + ")";
    feed_retry_ = now_.boot + look_again;
  });
}

void client_engine::on_retired(ports::connection_id id) {
  turn([&] {
    if (id != feed_) {
      links_.retire(id);
      return;
    }
    // It only listens: nothing is lost with it.
    HEDGEROW_PROBE(client_feed_retired);
    ports_.transport.close(id);
    feed_ = 0;
    feed_check_ = boot_time::never();
    candidates_.push_front(dialled_);
    feed_retry_ = now_.boot;
  });
}

void client_engine::on_message(ports::connection_id id, message::any&& what) {
  turn([&] {
    if (id == feed_) {
      feed_asked_ = false;
      patience_ = feed_patience;
      feed_check_ = now_.boot + feed_quiet;
    }
    if (streams_.on_message(now_.boot, id, what)) return;
    if (auto* r = std::get_if<message::reply>(&what)) {
      if (links_.answered(id, r->id)) calls_.on_reply(now_.boot, std::move(*r), effects_);
    } else if (id != feed_) {
      return;
    } else if (const auto* v = std::get_if<message::view_push>(&what)) {
      feed_told_ = true;
      accept(v->view);
    } else if (const auto* n = std::get_if<message::leader_news>(&what)) {
      feed_told_ = true;
      accept(*n);
    }
  });
}

void client_engine::accept(const view_ptr& offered) {
  HEDGEROW_PROBE_IF(offered->id < view_->id, client_shown_older_view);
  if (offered->id <= view_->id) return;
  const view_change change = core::compare(*view_, offered);
  view_ = offered;
  view_since_ = now_.boot;
  owner_.on_view(change);
  for (const auto& r : change.removed) {
    if (r.reason != removal_reason::left) links_.drop_later(now_.boot, r.incarnation);
  }
}

void client_engine::accept(const message::leader_news& news) {
  HEDGEROW_PROBE_IF(news.token != 0 && news.token < leader_.token, client_told_of_past_leader);
  HEDGEROW_PROBE_IF(news.token == 0 && leader_.known(), client_told_of_no_leader);
  if (news.token != 0 && news.token < leader_.token) return;
  const bool same = news.token == leader_.token && news.incarnation == leader_.incarnation;
  leader_ = {news.name, news.address, news.incarnation, news.token,
             milliseconds{news.remaining_ms}};
  leader_until_ = now_.boot + milliseconds{news.remaining_ms};
  view_since_ = now_.boot - milliseconds{news.view_age_ms};
  std::optional<core::target> at;
  if (leader_.known()) at = core::target{news.name, news.address, news.incarnation};
  calls_.on_leader(now_.boot, at, effects_);
  streams_.on_leader(now_.boot, at);
  if (!same)
    owner_.on_leader(leader_);
  else if (leader_.known())
    owner_.on_leader_extended(leader_);
}

}  // namespace hedgerow::engine
