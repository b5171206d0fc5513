#include "core/messaging/calls.h"

#include <algorithm>

#include "base/mutant.h"
#include "model/limits.h"

namespace hedgerow::core {
namespace {

using message::reply_status;

// Two nodes that know of different leaders must not play ball.
constexpr int redirects_max = 3;
constexpr nanoseconds retry_pause = milliseconds{25};

std::string too_large(std::size_t size, std::size_t limit) {
  return "the message has " + std::to_string(size) + " bytes, the limit is " +
         std::to_string(limit);
}

}  // namespace

error calls::unknown(const std::string& why) {
  return {errc::outcome_unknown, "it may have been executed: " + why};
}

error calls::not_executed(const part& p) const {
  if (p.kind == message::request_kind::send && !p.leader_seen)
    return {errc::no_leader, "no leader was known up to the deadline; nothing was sent"};
  const std::string why = p.last_problem.empty() ? "the deadline passed" : p.last_problem;
  return {errc::not_executed, "not executed: " + why};
}

void calls::send(boot_time now, call_id id, bytes payload, boot_time deadline, call_effects& out) {
  if (stopped_) {
    out.emplace_back(call_effect::send_done{id, fail(errc::stopped, "this node was stopped")});
    return;
  }
  if (as_view(payload).size() > payload_bytes_max_) {
    const auto text = too_large(as_view(payload).size(), payload_bytes_max_);
    out.emplace_back(call_effect::send_done{id, fail(errc::too_large, text)});
    return;
  }
  if (parts_.size() >= limits::calls_in_flight_max) {
    out.emplace_back(
        call_effect::send_done{id, fail(errc::overloaded, "too many calls are in flight")});
    return;
  }
  const std::uint64_t request = ++last_request_;
  auto& p = parts_[request];
  p.call = id;
  p.payload = std::move(payload);
  p.deadline = deadline;
  schedule(request, p, deadline);
  attempt(now, request, p, out);
}

void calls::broadcast(boot_time now, call_id id, const bytes& payload, boot_time deadline,
                      std::vector<target> to, call_effects& out) {
  const std::size_t size = as_view(payload).size();
  std::optional<error> refusal;
  if (stopped_) refusal.emplace(errc::stopped, "this node was stopped");
  if (size > payload_bytes_max_)
    refusal.emplace(errc::too_large, too_large(size, payload_bytes_max_));
  if (parts_.size() + to.size() > limits::calls_in_flight_max)
    refusal.emplace(errc::overloaded, "too many calls are in flight");
  if (refusal) {
    for (auto& t : to) {
      out.emplace_back(call_effect::broadcast_reply{
          id, {std::move(t.name), t.incarnation, tl::unexpected(*refusal)}});
    }
  }
  if (refusal || to.empty()) {
    out.emplace_back(call_effect::broadcast_done{id});
    return;
  }
  broadcasts_[id] = to.size();
  for (auto& t : to) {
    const std::uint64_t request = ++last_request_;
    auto& p = parts_[request];
    p.call = id;
    p.kind = message::request_kind::broadcast;
    p.payload = payload;
    p.deadline = deadline;
    p.to = std::move(t);
    schedule(request, p, deadline);
    attempt(now, request, p, out);
  }
}

void calls::schedule(std::uint64_t request, part& p, boot_time at) {
  due_.erase({p.due, request});
  p.due = std::min(at, p.deadline);
  due_.insert({p.due, request});
}

void calls::transmit(boot_time now, std::uint64_t request, part& p, const target& to,
                     call_effects& out) {
  p.in_flight = true;
  p.sent = false;
  schedule(request, p, p.deadline);
  out.emplace_back(call_effect::transmit{
      to, message::request{request, p.kind, p.deadline - now, from_, p.payload}});
}

void calls::attempt(boot_time now, std::uint64_t request, part& p, call_effects& out) {
  if (p.in_flight || now >= p.deadline) return;
  if (p.kind == message::request_kind::broadcast) {
    transmit(now, request, p, *p.to, out);
    return;
  }
  if (!leader_) return;  // on_leader comes back to it
  p.leader_seen = true;
  p.to = leader_;
  transmit(now, request, p, *leader_, out);
}

void calls::retry(boot_time now, std::uint64_t request, part& p, const std::string& why,
                  call_effects& out) {
  p.in_flight = false;
  p.last_problem = why;
  const bool moved = leader_ && p.to && leader_->incarnation != p.to->incarnation;
  if (p.kind == message::request_kind::send && moved) {
    attempt(now, request, p, out);
  } else {
    schedule(request, p, now + retry_pause);
  }
}

void calls::on_leader(boot_time now, const std::optional<target>& leader, call_effects& out) {
  const bool same = leader && leader_ && leader->incarnation == leader_->incarnation;
  leader_ = leader;
  if (same || !leader) return;
  for (auto& [request, p] : parts_) {
    if (p.kind == message::request_kind::send) attempt(now, request, p, out);
  }
}

void calls::turned_away(boot_time now, parts::iterator it, const message::reply& answer,
                        call_effects& out) {
  auto& p = it->second;
  const std::string why = std::string(as_view(answer.payload)) + " (" + answer.from + ")";
  const bool final_here =
      p.kind == message::request_kind::broadcast && answer.status != reply_status::overloaded;
  if (final_here || now >= p.deadline) {
    p.last_problem = why;
    finish(it, tl::unexpected(not_executed(p)), out);
    return;
  }
  const bool redirected = answer.status == reply_status::not_leader && !answer.leader.empty() &&
                          p.to && answer.leader != p.to->incarnation;
  if (redirected && ++p.redirects <= redirects_max) {
    p.last_problem = why;
    p.to = target{{}, answer.leader_address, answer.leader};
    transmit(now, it->first, p, *p.to, out);
    return;
  }
  retry(now, it->first, p, why, out);
}

void calls::on_reply(boot_time now, message::reply&& answer, call_effects& out) {
  const auto it = parts_.find(answer.id);
  if (it == parts_.end() || !it->second.in_flight) return;
  const std::string_view text = as_view(answer.payload);
  switch (answer.status) {
    case reply_status::ok:
      finish(it, reply{std::string(text), std::move(answer.from), answer.token}, out);
      break;
    case reply_status::handler_failed:
      finish(it, fail(errc::handler_failed, std::string(text)), out);
      break;
    case reply_status::unknown:
      finish(it, tl::unexpected(unknown(std::string(text))), out);
      break;
    case reply_status::not_leader:
    case reply_status::not_member:
    case reply_status::overloaded:
    case reply_status::expired:
    case reply_status::stopping:
      turned_away(now, it, answer, out);
      break;
  }
}

void calls::on_unsent(boot_time now, std::uint64_t request, const std::string& why, bool gone,
                      call_effects& out) {
  const auto it = parts_.find(request);
  if (it == parts_.end() || !it->second.in_flight) return;
  auto& p = it->second;
  if (gone && p.kind == message::request_kind::broadcast) {
    p.last_problem = why;
    finish(it, tl::unexpected(not_executed(p)), out);
  } else {
    retry(now, request, p, why, out);
  }
}

void calls::on_cut(boot_time now, std::uint64_t request, const std::string& why,
                   call_effects& out) {
  const auto it = parts_.find(request);
  if (it == parts_.end() || !it->second.in_flight) return;
  if (HEDGEROW_MUTANT(resend_unknown)) {
    retry(now, request, it->second, why, out);
    return;
  }
  if (HEDGEROW_MUTANT(unknown_is_not_executed)) {
    finish(it, tl::unexpected(not_executed(it->second)), out);
    return;
  }
  finish(it, tl::unexpected(unknown(why)), out);
}

void calls::tick(boot_time now, call_effects& out) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto it = parts_.find(due_.begin()->second);
    auto& p = it->second;
    if (now < p.deadline) {
      schedule(it->first, p, p.deadline);
      attempt(now, it->first, p, out);
    } else {
      abandon(it, "no answer came before the deadline", out);
    }
  }
}

void calls::on_sent(std::uint64_t request) {
  const auto it = parts_.find(request);
  if (it != parts_.end()) it->second.sent = true;
}

// The wait is over before there is an answer.
void calls::abandon(parts::iterator it, const std::string& why, call_effects& out) {
  const auto& p = it->second;
  if (p.in_flight) out.emplace_back(call_effect::forget{p.to->incarnation, it->first});
  if (p.in_flight && p.sent && !HEDGEROW_MUTANT(unknown_is_not_executed)) {
    finish(it, tl::unexpected(unknown(why)), out);
  } else if (stopped_) {
    finish(it, fail(errc::stopped, why + "; it was not executed"), out);
  } else {
    finish(it, tl::unexpected(not_executed(p)), out);
  }
}

void calls::finish(parts::iterator it, result<reply> outcome, call_effects& out) {
  const part p = std::move(it->second);
  due_.erase({p.due, it->first});
  parts_.erase(it);
  if (p.kind == message::request_kind::send) {
    out.emplace_back(call_effect::send_done{p.call, std::move(outcome)});
    return;
  }
  member_reply answer{p.to->name, p.to->incarnation, {}};
  if (outcome) {
    answer.answer = std::move(outcome->payload);
  } else {
    answer.answer = tl::unexpected(std::move(outcome).error());
  }
  out.emplace_back(call_effect::broadcast_reply{p.call, std::move(answer)});
  const auto left = broadcasts_.find(p.call);
  if (--left->second > 0) return;
  broadcasts_.erase(left);
  out.emplace_back(call_effect::broadcast_done{p.call});
}

void calls::stop(call_effects& out) {
  stopped_ = true;
  while (!parts_.empty()) {
    abandon(parts_.begin(), "this was stopped before the answer came", out);
  }
}

}  // namespace hedgerow::core
