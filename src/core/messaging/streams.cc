// How an end of a stream begins: looking for who takes it, or taking what is offered.

#include "core/messaging/streams.h"

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"

namespace hedgerow::core {
namespace {

using message::request_kind;
using message::stream_code;
using stage = stream_end_state::stage;

// As for calls: two nodes that know of different leaders must not play ball.
constexpr int redirects_max = 3;
constexpr nanoseconds retry_pause = milliseconds{25};
// A peer may say anything.
constexpr nanoseconds remaining_max = std::chrono::hours{24 * 365};

}  // namespace

streams::end_state* streams::find(stream_id id) {
  const auto it = ends_.find(id);
  return it == ends_.end() ? nullptr : &it->second;
}

bool streams::has(std::uint64_t connection, std::uint64_t stream) const {
  const auto at = lines_.find(connection);
  return at != lines_.end() && at->second.streams.contains(stream);
}

streams::end_state* streams::find(std::uint64_t connection, std::uint64_t stream) {
  const auto at = lines_.find(connection);
  if (at == lines_.end()) return nullptr;
  const auto it = at->second.streams.find(stream);
  return it == at->second.streams.end() ? nullptr : find(it->second);
}

std::size_t streams::promised(std::uint64_t connection) const {
  const auto at = lines_.find(connection);
  return at == lines_.end() ? 0 : at->second.promised;
}

void streams::open(boot_time now, stream_id id, stream_request&& what, stream_effects& out) {
  if (stopped_ || ends_.size() >= limits::streams_max) {
    const auto why = stopped_ ? fail(errc::stopped, "this was stopped")
                              : fail(errc::overloaded, "too many streams are open");
    out.emplace_back(stream_effect::ended{id, {why, 0}});
    return;
  }
  auto& e = ends_[id];
  e.id = id;
  e.opener = true;
  e.kind = what.kind;
  e.to = std::move(what.to);
  e.opening_deadline = what.opening_deadline;
  e.deadline = what.deadline;
  e.idle = what.idle;
  e.metadata = std::move(what.metadata);
  e.active = now;
  looking_.insert(id);
  schedule(e);
  attempt(e, out);
}

// Asks for a connection to whoever should take it, if that is known; else on_leader comes back.
void streams::attempt(end_state& e, stream_effects& out) {
  e.retry_at = boot_time::never();
  if (e.kind == request_kind::send && !e.to) e.to = leader_;
  if (!e.to) return;
  e.leader_seen = true;
  awaiting_[e.to->incarnation].push_back(e.id);
  out.emplace_back(stream_effect::connect{*e.to});
}

void streams::on_leader(boot_time /*now*/, const std::optional<target>& leader,
                        stream_effects& out) {
  const bool same = leader && leader_ && leader->incarnation == leader_->incarnation;
  leader_ = leader;
  if (same || !leader) return;
  for (const auto id : looking_) {
    auto& e = ends_.at(id);
    if (e.kind != request_kind::send) continue;
    HEDGEROW_PROBE_IF(!e.leader_seen, stream_waited_for_leader);
    e.to = leader;
    attempt(e, out);
    schedule(e);
  }
}

// Those that wait for a connection to it, once each: thousands may be looking at the same time.
std::vector<stream_id> streams::take_awaiting(const incarnation& who) {
  const auto at = awaiting_.find(who);
  if (at == awaiting_.end()) return {};
  auto all = std::move(at->second);
  awaiting_.erase(at);
  std::erase_if(all, [&](stream_id id) {
    const end_state* const e = find(id);
    return e == nullptr || e->now != stage::looking || !e->to || e->to->incarnation != who ||
           e->retry_at != boot_time::never();
  });
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void streams::on_connected(boot_time now, const incarnation& who, std::uint64_t connection,
                           stream_effects& out) {
  for (const auto id : take_awaiting(who))
    ask(now, ends_.at(id), connection, out);
}

void streams::on_unreachable(boot_time now, const incarnation& who, const std::string& why,
                             bool gone, stream_effects& out) {
  for (const auto id : take_awaiting(who)) {
    auto& e = ends_.at(id);
    HEDGEROW_PROBE(stream_unreachable);
    if (gone && e.kind == request_kind::broadcast) {
      HEDGEROW_PROBE(stream_member_is_gone);
      e.last_problem = why;
      end_unopened(e, out);
    } else {
      look_again(now, e, why, out);
    }
  }
}

void streams::ask(boot_time now, end_state& e, std::uint64_t connection, stream_effects& out) {
  // The peer may have opened some on our own connection, with any number.
  do
    ++last_wire_;
  while (find(connection, last_wire_) != nullptr);
  if (!attach(e, connection, last_wire_, out)) {
    HEDGEROW_PROBE(stream_no_window_here);
    look_again(now, e, "the windows of this connection are all given to other streams", out);
    return;
  }
  looking_.erase(e.id);
  e.now = stage::asked;
  nanoseconds remaining{};
  if (e.deadline != boot_time::never())
    remaining = std::max<nanoseconds>(e.deadline - now, nanoseconds{1});
  out.emplace_back(stream_effect::transmit{
      connection,
      message::stream_open{e.wire, e.kind, e.granted, remaining, e.idle, with_.name, e.metadata}});
}

// It was not taken, or was on a connection that has gone: nothing is consumed.
void streams::take_back(end_state& e, const std::string& why, stream_effects& out) {
  if (e.connection != 0) detach(e, out);
  e.now = stage::looking;
  looking_.insert(e.id);
  e.last_problem = why;
}

void streams::look_again(boot_time now, end_state& e, const std::string& why, stream_effects& out) {
  take_back(e, why, out);
  if (e.kind == request_kind::send) {
    const bool moved = leader_ && e.to && leader_->incarnation != e.to->incarnation;
    e.to.reset();
    if (moved) {
      HEDGEROW_PROBE(stream_goes_on_to_next_leader);
      attempt(e, out);
      return;
    }
  }
  e.retry_at = now + retry_pause;
  schedule(e);
}

void streams::turned_away(boot_time now, end_state& e, const message::stream_reset& why,
                          stream_effects& out) {
  const bool redirected = why.code == stream_code::not_leader && !why.leader.empty() && e.to &&
                          why.leader != e.to->incarnation && e.kind == request_kind::send;
  if (redirected && ++e.redirects <= redirects_max) {
    HEDGEROW_PROBE(stream_redirected);
    take_back(e, why.text, out);
    e.to = target{{}, why.leader_address, why.leader};
    attempt(e, out);
    return;
  }
  if (e.kind == request_kind::broadcast && why.code != stream_code::overloaded) {
    HEDGEROW_PROBE(stream_refused_by_member);
    take_back(e, why.text, out);
    end_unopened(e, out);
    return;
  }
  look_again(now, e, why.text, out);
}

// False if the connection's budget is used up.
bool streams::attach(end_state& e, std::uint64_t connection, std::uint64_t wire,
                     stream_effects& out) {
  auto& on = lines_[connection];
  if (on.promised + limits::stream_window_first > with_.connection_bytes) return false;
  if (on.streams.empty()) out.emplace_back(stream_effect::busy{connection, true});
  on.streams.emplace(wire, e.id);
  e.connection = connection;
  e.wire = wire;
  e.window = e.usual = e.promised = limits::stream_window_first;
  on.promised += e.promised;
  e.granted = e.window;
  return true;
}

void streams::detach(end_state& e, stream_effects& out) {
  const auto at = lines_.find(e.connection);
  if (at != lines_.end()) {
    auto& on = at->second;
    on.streams.erase(e.wire);
    on.promised -= e.promised;
    on.starved.erase(e.id);
    on.ready.erase(e.id);
    if (on.streams.empty()) out.emplace_back(stream_effect::busy{e.connection, false});
    // What it has queued is still there: a later stream must not pass for the first.
    if (on.streams.empty() && on.queued == 0) {
      lines_.erase(at);
    } else {
      feed_starved(on, out);
    }
  }
  e.connection = 0;
  e.promised = 0;
  e.ready = false;
  e.starved_for = 0;
  e.starved_until = boot_time::never();
}

void streams::on_accept(boot_time now, std::uint64_t connection, message::stream_accept&& what,
                        stream_effects& out) {
  end_state* const e = find(connection, what.stream);
  HEDGEROW_PROBE_IF(e == nullptr, stream_taken_too_late);
  if (e == nullptr) return;
  if (!e->opener || e->now != stage::asked) {
    reset(*e, stream_code::violation, "an answer that was not asked for", out);
    return;
  }
  e->now = stage::open;
  e->token = what.token;
  e->sent_max = std::max(e->sent_max, what.limit);
  e->active = now;
  schedule(*e);
  out.emplace_back(stream_effect::opened{e->id, std::move(what.from), what.token});
  make_ready(*e);
  pump(now, connection, out);
}

void streams::on_open(boot_time now, std::uint64_t connection, message::stream_open&& what,
                      const authority& may, stream_effects& out) {
  if (end_state* const known = find(connection, what.stream)) {
    reset(*known, stream_code::violation, "opened twice", out);
    return;
  }
  const bool send = what.kind == request_kind::send;
  const auto refuse = [&](stream_code code, const char* text) {
    message::stream_reset no{what.stream, code, 0, text, {}, {}};
    if (code == stream_code::not_leader) {
      no.leader = may.leader;
      no.leader_address = may.leader_address;
    }
    out.emplace_back(stream_effect::transmit{connection, std::move(no)});
  };
  HEDGEROW_PROBE_IF(may.stopping || stopped_, stream_offered_while_stopping);
  HEDGEROW_PROBE_IF(send && may.acting == 0, stream_offered_to_no_leader);
  HEDGEROW_PROBE_IF(!send && !may.member, stream_offered_to_no_member);
  if (may.stopping || stopped_) return refuse(stream_code::stopping, "stopping");
  if (send && may.acting == 0 && !HEDGEROW_MUTANT(stream_without_lease))
    return refuse(stream_code::not_leader, "not the leader");
  if (!send && !may.member) return refuse(stream_code::not_member, "not a member any more");
  if (ends_.size() >= limits::streams_max)
    return refuse(stream_code::overloaded, "too many streams are open");
  const stream_id id = ++last_id_;
  auto& e = ends_[id];
  e.id = id;
  if (!attach(e, connection, what.stream, out)) {
    HEDGEROW_PROBE(stream_no_window_there);
    ends_.erase(id);
    return refuse(stream_code::overloaded, "too many streams are open on one connection");
  }
  e.now = stage::open;
  e.kind = what.kind;
  e.token = send && !HEDGEROW_MUTANT(stream_of_any_token) ? may.acting : may.view_token;
  e.sent_max = what.limit;
  e.idle = std::clamp<nanoseconds>(what.idle, nanoseconds{0}, remaining_max);
  if (what.remaining > nanoseconds{0}) e.deadline = now + std::min(what.remaining, remaining_max);
  e.active = now;
  schedule(e);
  // The user first: what it refuses at once was never taken.
  out.emplace_back(stream_effect::offered{id,
                                          {what.kind, std::move(what.from), e.token, e.deadline,
                                           std::move(what.metadata), connection}});
  out.emplace_back(stream_effect::transmit{
      connection, message::stream_accept{what.stream, e.granted, e.token, with_.name}});
}

}  // namespace hedgerow::core
