#include "core/messaging/inbox.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/mutant.h"
#include "base/probe.h"
#include "model/limits.h"

namespace hedgerow::core {
namespace {

using message::reply_status;
using message::request_kind;

// A peer may say anything.
constexpr nanoseconds remaining_max = std::chrono::hours{24};

struct refusal {
  reply_status status;
  const char* text;
};

}  // namespace

void inbox::on_request(boot_time now, std::uint64_t connection, message::request&& what,
                       const authority& may, inbox_effects& out) {
  const bool send = what.kind == request_kind::send;
  what.remaining = std::min(what.remaining, remaining_max);
  const bool leads = may.leading || HEDGEROW_MUTANT(handle_without_lease);
  std::optional<refusal> no;
  if (may.stopping) {
    no = {reply_status::stopping, "stopping"};
  } else if (send && !leads) {
    no = {reply_status::not_leader, "not the leader"};
  } else if (!send && !may.member) {
    no = {reply_status::not_member, "not a member any more"};
  } else if (what.remaining.count() <= 0) {
    no = {reply_status::expired, "the deadline had passed on arrival"};
  } else if (jobs_.size() >= limits::handler_queue_max ||
             queued_bytes_ + as_view(what.payload).size() > limits::handler_queue_bytes_max) {
    no = {reply_status::overloaded, "too many messages wait for their handlers"};
  }
  HEDGEROW_PROBE_IF(no && no->status == reply_status::stopping, inbox_stopping);
  HEDGEROW_PROBE_IF(no && no->status == reply_status::not_leader, inbox_not_leader);
  HEDGEROW_PROBE_IF(no && no->status == reply_status::not_member, inbox_not_member);
  if (no) {
    message::reply reply{what.id, no->status, may.token, name_, {}, {}, make_bytes(no->text)};
    if (no->status == reply_status::not_leader) {
      reply.leader = may.leader;
      reply.leader_address = may.leader_address;
    }
    out.emplace_back(inbox_effect::answer{connection, std::move(reply)});
    return;
  }
  const fencing_token token = send ? may.token : may.view_token;
  const std::size_t size = as_view(what.payload).size();
  jobs_.add(++last_job_, job{connection, what.id, token, size});
  queued_bytes_ += size;
  out.emplace_back(std::in_place_type<inbox_effect::run>, last_job_,
                   ports::job{what.kind, std::move(what.from), token, now + what.remaining,
                              std::move(what.payload)});
}

void inbox::on_job_done(ports::job_id id, ports::job_result&& outcome, inbox_effects& out) {
  const auto done = jobs_.take(id);
  if (!done) return;
  queued_bytes_ -= done->size;
  out.emplace_back(
      std::in_place_type<inbox_effect::answer>, done->connection,
      message::reply{
          done->request, outcome.status, done->token, name_, {}, {}, std::move(outcome.payload)});
}

}  // namespace hedgerow::core
