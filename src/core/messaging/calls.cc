#include "core/messaging/calls.h"

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"
#include "model/limits.h"

namespace hedgerow::core {
namespace {

using message::reply_status;

// Two nodes that know of different leaders must not play ball.
constexpr int redirects_max = 3;
// Doubled with each attempt at the same place: who waits for an overloaded member must not be its
// load.
constexpr nanoseconds retry_pause_first = milliseconds{25};
constexpr nanoseconds retry_pause_max = milliseconds{400};
// So many entries that nobody waits for are not worth a look.
constexpr std::size_t due_slack = 64;

std::string too_large(std::size_t size, std::size_t limit) {
  return "the message has " + std::to_string(size) + " bytes, the limit is " +
         std::to_string(limit);
}

}  // namespace

error calls::unknown(const std::string& why) {
  return {errc::outcome_unknown, "it may have been executed: " + why};
}

error calls::not_executed(const part& p) const {
  HEDGEROW_PROBE_IF(p.kind == message::request_kind::send && !p.leader_seen, call_without_leader);
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
  auto& p = parts_.add(request);
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
  if (HEDGEROW_MUTANT(broadcast_misses_one) && to.size() > 1) to.pop_back();
  broadcasts_[id] = to.size();
  for (auto& t : to) {
    const std::uint64_t request = ++last_request_;
    auto& p = parts_.add(request);
    p.call = id;
    p.kind = message::request_kind::broadcast;
    p.payload = payload;
    p.deadline = deadline;
    p.to = std::make_shared<const target>(std::move(t));
    schedule(request, p, deadline);
    attempt(now, request, p, out);
  }
}

bool calls::is_later(const due_entry& a, const due_entry& b) {
  return std::pair(a.at, a.request) > std::pair(b.at, b.request);
}

bool calls::is_stale(const due_entry& each) const {
  const part* p = parts_.find(each.request);
  return p == nullptr || p->due != each.at;
}

void calls::schedule(std::uint64_t request, part& p, boot_time at) {
  const boot_time due = std::min(at, p.deadline);
  if (p.due == due) return;
  p.due = due;
  due_.push_back({due, request});
  std::push_heap(due_.begin(), due_.end(), is_later);
  clean_due();
}

// Most calls end long before they are due, and then lie in the middle.
void calls::clean_due() {
  if (due_.size() > 2 * parts_.size() + due_slack) {
    std::erase_if(due_, [this](const auto& each) { return is_stale(each); });
    std::make_heap(due_.begin(), due_.end(), is_later);
  }
  while (!due_.empty() && is_stale(due_.front())) {
    std::pop_heap(due_.begin(), due_.end(), is_later);
    due_.pop_back();
  }
}

void calls::transmit(boot_time now, std::uint64_t request, part& p, call_effects& out) {
  p.in_flight = true;
  p.sent = false;
  schedule(request, p, p.deadline);
  out.emplace_back(std::in_place_type<call_effect::transmit>, p.to,
                   message::request{request, p.kind, p.deadline - now, from_, p.payload});
}

void calls::attempt(boot_time now, std::uint64_t request, part& p, call_effects& out) {
  if (p.in_flight || now >= p.deadline) return;
  if (p.kind == message::request_kind::broadcast) {
    transmit(now, request, p, out);
    return;
  }
  if (!leader_) return;  // on_leader comes back to it
  p.leader_seen = true;
  if (p.to && p.to->incarnation != leader_->incarnation) p.pause = {};
  p.to = leader_;
  transmit(now, request, p, out);
}

void calls::retry(boot_time now, std::uint64_t request, part& p, const std::string& why,
                  call_effects& out) {
  p.in_flight = false;
  p.last_problem = why;
  const bool moved = leader_ && p.to && leader_->incarnation != p.to->incarnation;
  if (p.kind == message::request_kind::send && moved) {
    HEDGEROW_PROBE(call_goes_on_to_next_leader);
    attempt(now, request, p, out);
  } else {
    p.pause = std::clamp(2 * p.pause, retry_pause_first, retry_pause_max);
    schedule(request, p, now + p.pause);
  }
}

void calls::on_leader(boot_time now, const std::optional<target>& leader, call_effects& out) {
  const bool same = leader && leader_ && leader->incarnation == leader_->incarnation;
  leader_ = leader ? std::make_shared<const target>(*leader) : nullptr;
  if (same || !leader) return;
  for (const auto request : parts_.ids()) {
    auto& p = *parts_.find(request);
    if (p.kind == message::request_kind::send) attempt(now, request, p, out);
  }
}

void calls::turned_away(boot_time now, std::uint64_t request, part& p, const message::reply& answer,
                        call_effects& out) {
  const std::string why = std::string(as_view(answer.payload)) + " (" + answer.from + ")";
  const bool final_here =
      p.kind == message::request_kind::broadcast && answer.status != reply_status::overloaded;
  if (final_here || now >= p.deadline) {
    HEDGEROW_PROBE_IF(final_here, call_refused_by_member);
    p.last_problem = why;
    finish(request, tl::unexpected(not_executed(p)), out);
    return;
  }
  const bool redirected = answer.status == reply_status::not_leader && !answer.leader.empty() &&
                          p.to && answer.leader != p.to->incarnation;
  if (redirected && ++p.redirects <= redirects_max) {
    HEDGEROW_PROBE(call_redirected);
    p.last_problem = why;
    p.to = std::make_shared<const target>(target{{}, answer.leader_address, answer.leader});
    transmit(now, request, p, out);
    return;
  }
  HEDGEROW_PROBE_IF(redirected, call_redirected_too_often);
  HEDGEROW_PROBE_IF(answer.status == reply_status::overloaded, call_meets_overload);
  HEDGEROW_PROBE_IF(answer.status == reply_status::expired, call_expired_there);
  retry(now, request, p, why, out);
}

void calls::on_reply(boot_time now, message::reply&& answer, call_effects& out) {
  const auto request = answer.id;
  part* const p = parts_.find(request);
  HEDGEROW_PROBE_IF(p == nullptr, call_answer_too_late);
  if (p == nullptr || !p->in_flight) return;
  const std::string_view text = as_view(answer.payload);
  switch (answer.status) {
    case reply_status::ok:
      finish(request, reply{std::string(text), std::move(answer.from), answer.token}, out);
      break;
    case reply_status::handler_failed:
      finish(request, fail(errc::handler_failed, std::string(text)), out);
      break;
    case reply_status::unknown:
      HEDGEROW_PROBE(call_handler_cut_off);
      finish(request, tl::unexpected(unknown(std::string(text))), out);
      break;
    case reply_status::not_leader:
    case reply_status::not_member:
    case reply_status::overloaded:
    case reply_status::expired:
    case reply_status::stopping:
      turned_away(now, request, *p, answer, out);
      break;
  }
}

void calls::on_unsent(boot_time now, std::uint64_t request, const std::string& why, bool gone,
                      call_effects& out) {
  part* const p = parts_.find(request);
  if (p == nullptr || !p->in_flight) return;
  HEDGEROW_PROBE_IF(!gone, call_not_sent);
  if (gone && p->kind == message::request_kind::broadcast) {
    HEDGEROW_PROBE(call_member_is_gone);
    p->last_problem = why;
    finish(request, tl::unexpected(not_executed(*p)), out);
  } else {
    retry(now, request, *p, why, out);
  }
}

void calls::on_cut(boot_time now, std::uint64_t request, const std::string& why,
                   call_effects& out) {
  part* const p = parts_.find(request);
  if (p == nullptr || !p->in_flight) return;
  HEDGEROW_PROBE(call_cut);
  if (HEDGEROW_MUTANT(resend_unknown)) {
    retry(now, request, *p, why, out);
    return;
  }
  if (HEDGEROW_MUTANT(unknown_is_not_executed)) {
    finish(request, tl::unexpected(not_executed(*p)), out);
    return;
  }
  finish(request, tl::unexpected(unknown(why)), out);
}

void calls::tick(boot_time now, call_effects& out) {
  while (!due_.empty() && due_.front().at <= now) {
    const auto request = due_.front().request;
    auto& p = *parts_.find(request);
    if (now < p.deadline) {
      schedule(request, p, p.deadline);
      attempt(now, request, p, out);
    } else {
      abandon(request, p, "no answer came before the deadline", out);
    }
  }
}

void calls::on_sent(std::uint64_t request) {
  if (part* const p = parts_.find(request)) p->sent = true;
}

// The wait is over before there is an answer.
void calls::abandon(std::uint64_t request, const part& p, const std::string& why,
                    call_effects& out) {
  HEDGEROW_PROBE_IF(p.in_flight && p.sent, call_unanswered);
  HEDGEROW_PROBE_IF(p.in_flight && !p.sent, call_never_left);
  HEDGEROW_PROBE_IF(stopped_, call_open_at_stop);
  if (p.in_flight) out.emplace_back(call_effect::forget{p.to->incarnation, request});
  const bool forgotten = !p.last_problem.empty() && HEDGEROW_MUTANT(retried_is_not_executed);
  if (p.in_flight && p.sent && !forgotten && !HEDGEROW_MUTANT(unknown_is_not_executed)) {
    finish(request, tl::unexpected(unknown(why)), out);
  } else if (stopped_) {
    finish(request, fail(errc::stopped, why + "; it was not executed"), out);
  } else {
    finish(request, tl::unexpected(not_executed(p)), out);
  }
}

void calls::finish(std::uint64_t request, result<reply>&& outcome, call_effects& out) {
  const part& p = *parts_.find(request);
  const call_id call = p.call;
  if (p.kind == message::request_kind::send) {
    out.emplace_back(std::in_place_type<call_effect::send_done>, call, std::move(outcome));
  } else {
    member_reply answer{p.to->name, p.to->incarnation, {}};
    if (outcome) {
      answer.answer = std::move(outcome->payload);
    } else {
      answer.answer = tl::unexpected(std::move(outcome).error());
    }
    out.emplace_back(call_effect::broadcast_reply{call, std::move(answer)});
    const auto left = broadcasts_.find(call);
    if (--left->second == 0) {
      broadcasts_.erase(left);
      out.emplace_back(call_effect::broadcast_done{call});
    }
  }
  parts_.erase(request);
  clean_due();
}

void calls::stop(call_effects& out) {
  stopped_ = true;
  for (const auto request : parts_.ids()) {
    abandon(request, *parts_.find(request), "this was stopped before the answer came", out);
  }
}

}  // namespace hedgerow::core
