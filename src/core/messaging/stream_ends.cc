// How an end of a stream ends: once, with what is known.

#include <algorithm>

#include <hedgerow/stream.h>

#include "base/mutant.h"
#include "base/probe.h"
#include "core/messaging/streams.h"

namespace hedgerow::core {
namespace {

using message::request_kind;
using message::stream_code;
using stage = stream_end_state::stage;

// What this end's user is told of a code, whichever side it comes from.
error error_of(const stream_end_state& e, stream_code code, std::string text) {
  switch (code) {
    case stream_code::not_leader:
    case stream_code::leadership_lost:
      return {errc::leadership_lost, std::move(text)};
    case stream_code::stopping:
      if (e.kind == request_kind::send && e.opener)
        return {errc::leadership_lost, "the node that had taken it is stopping"};
      return {errc::cancelled, "the other side is stopping"};
    case stream_code::not_member:
    case stream_code::overloaded:
    case stream_code::cancelled:
      return {errc::cancelled, std::move(text)};
    case stream_code::handler_failed:
      return {errc::handler_failed, std::move(text)};
    case stream_code::timed_out:
      return {errc::timed_out, std::move(text)};
    case stream_code::too_large:
      return {errc::too_large, std::move(text)};
    case stream_code::violation:
      break;
  }
  return {errc::internal, "the stream broke the protocol: " + text};
}

// Of a node that did not take it; another may, or the same one later. Other codes are the last word
// of a user who would not have it.
bool is_refusal(stream_code code) {
  return code == stream_code::not_leader || code == stream_code::not_member ||
         code == stream_code::stopping || code == stream_code::overloaded;
}

}  // namespace

void streams::end(end_state& e, result<void> outcome, stream_effects& out) {
  if (e.connection != 0) detach(e, out);
  const stream_id id = e.id;
  const std::uint64_t acknowledged = e.acknowledged;
  due_.erase({e.due, id});
  looking_.erase(id);
  ends_.erase(id);
  out.emplace_back(stream_effect::ended{id, {std::move(outcome), acknowledged}});
}

// Both sides are told.
void streams::reset(end_state& e, stream_code code, const std::string& text, stream_effects& out) {
  const auto words = text.substr(0, limits::error_text_bytes_max);
  if (e.connection != 0) {
    out.emplace_back(stream_effect::transmit{
        e.connection, message::stream_reset{e.wire, code, e.messages_consumed, words, {}, {}}});
  }
  if (code == stream_code::stopping) {
    end(e, fail(errc::stopped, "this was stopped"), out);
  } else {
    end(e, tl::unexpected(error_of(e, code, words)), out);
  }
}

void streams::end_unopened(end_state& e, stream_effects& out) {
  if (e.connection != 0) {
    out.emplace_back(stream_effect::transmit{
        e.connection,
        message::stream_reset{e.wire, stream_code::timed_out, 0, "not taken in time", {}, {}}});
  }
  HEDGEROW_PROBE_IF(e.connection != 0, stream_asked_in_vain);
  if (e.kind == request_kind::send && !e.leader_seen) {
    HEDGEROW_PROBE(stream_without_leader);
    end(e, fail(errc::no_leader, "no leader was known in time; the stream was not opened"), out);
    return;
  }
  const std::string why = e.last_problem.empty() ? "no answer in time" : e.last_problem;
  end(e, fail(errc::not_executed, "the stream was not opened: " + why), out);
}

void streams::on_reset(boot_time now, std::uint64_t connection, message::stream_reset&& what,
                       stream_effects& out) {
  end_state* const e = find(connection, what.stream);
  HEDGEROW_PROBE_IF(e == nullptr, stream_ends_cross);
  if (e == nullptr || HEDGEROW_MUTANT(stream_reset_unheard)) return;
  if (e->now == stage::asked && is_refusal(what.code)) {
    turned_away(now, *e, what, out);
    return;
  }
  HEDGEROW_PROBE_IF(what.consumed > e->acknowledged, stream_end_acknowledges);
  e->acknowledged = std::clamp(what.consumed, e->acknowledged, e->messages);
  end(*e, tl::unexpected(error_of(*e, what.code, std::move(what.text))), out);
}

void streams::on_connection_gone(boot_time now, std::uint64_t connection, const std::string& why,
                                 stream_effects& out) {
  const auto at = lines_.find(connection);
  if (at == lines_.end()) return;
  at->second.queued = 0;
  const auto on_it = at->second.streams;
  for (const auto& [wire, id] : on_it) {
    end_state& e = *find(id);
    if (e.now == stage::asked || (e.opener && HEDGEROW_MUTANT(stream_goes_on_elsewhere))) {
      HEDGEROW_PROBE(stream_asked_again_elsewhere);
      look_again(now, e, why, out);
    } else {
      HEDGEROW_PROBE(stream_cut);
      end(e,
          fail(errc::outcome_unknown,
               "the connection was lost, and what was not acknowledged may have been consumed: " +
                   why),
          out);
    }
  }
  lines_.erase(connection);
}

void streams::cancel(boot_time /*now*/, stream_id id, stream_code code, const std::string& text,
                     stream_effects& out) {
  if (end_state* const e = find(id)) reset(*e, code, text, out);
}

void streams::on_acting(boot_time /*now*/, fencing_token acting, stream_effects& out) {
  std::vector<stream_id> over;
  for (const auto& [id, e] : ends_) {
    if (!e.opener && e.kind == request_kind::send && e.token != acting) over.push_back(id);
  }
  if (HEDGEROW_MUTANT(stream_without_lease)) return;
  HEDGEROW_PROBE_IF(!over.empty(), stream_leadership_over);
  for (const auto id : over)
    reset(*find(id), stream_code::leadership_lost, "the node that had taken it lost leadership",
          out);
}

// Both sides have finished, and know that each has consumed the other's.
void streams::close_if_over(end_state& e, stream_effects& out) {
  const bool here = e.peer_finished && e.consumed == e.received && !e.unacknowledged;
  const bool there = e.finish_sent && e.acknowledged == e.messages;
  if (here && there) end(e, {}, out);
}

// When all that the other side has written is consumed, it is told at once.
void streams::confirm_finish(end_state& e, stream_effects& out) {
  if (!e.peer_finished || e.consumed != e.received) return;
  if (e.unacknowledged) send_credit(e, out);
  close_if_over(e, out);
}

void streams::schedule(end_state& e) {
  boot_time at = std::min(e.deadline, e.starved_until);
  at = std::min(at, e.retry_at);
  if (e.now != stage::open) at = std::min(at, e.opening_deadline);
  const bool idles = e.idle > nanoseconds{0} && !HEDGEROW_MUTANT(stream_idles_for_ever);
  if (e.now == stage::open && idles) at = std::min(at, e.active + e.idle);
  if (at == e.due) return;
  due_.erase({e.due, e.id});
  e.due = at;
  if (at != boot_time::never()) due_.insert({at, e.id});
}

void streams::on_due(boot_time now, end_state& e, stream_effects& out) {
  if (e.now != stage::open && e.opening_deadline <= now) {
    end_unopened(e, out);
  } else if (e.deadline <= now) {
    HEDGEROW_PROBE(stream_past_deadline);
    reset(e, stream_code::timed_out, "the stream's deadline has passed", out);
  } else if (e.now == stage::open && e.idle > nanoseconds{0} && e.active + e.idle <= now) {
    HEDGEROW_PROBE(stream_idle_too_long);
    reset(e, stream_code::timed_out, "the stream was idle for too long", out);
  } else if (e.starved_until <= now) {
    HEDGEROW_PROBE(stream_starved);
    reset(e, stream_code::overloaded,
          "no memory for a long message: other streams of its connection are not read", out);
  } else {
    if (e.retry_at <= now) attempt(e, out);
    schedule(e);
  }
}

void streams::tick(boot_time now, stream_effects& out) {
  if (acknowledge_at_ <= now) {
    acknowledge_at_ = boot_time::never();
    for (const auto id : std::exchange(unacknowledged_, {})) {
      end_state* const e = find(id);
      if (e != nullptr && e->unacknowledged) send_credit(*e, out);
    }
  }
  while (!due_.empty() && due_.begin()->first <= now)
    on_due(now, *find(due_.begin()->second), out);
}

boot_time streams::next_wake() const {
  return due_.empty() ? acknowledge_at_ : std::min(acknowledge_at_, due_.begin()->first);
}

void streams::stop(boot_time /*now*/, stream_effects& out) {
  stopped_ = true;
  HEDGEROW_PROBE_IF(!ends_.empty(), stream_open_at_stop);
  while (!ends_.empty())
    reset(ends_.begin()->second, stream_code::stopping, "stopping", out);
}

}  // namespace hedgerow::core
