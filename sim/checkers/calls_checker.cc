#include "sim/checkers/calls_checker.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "sim/handler_model.h"

namespace hedgerow::sim {
namespace {

using message::request_kind;

constexpr true_time slack = 500 * millisecond;

std::optional<std::uint64_t> call_of(std::string_view payload) {
  std::uint64_t number = 0;
  const auto* end = payload.data() + payload.size();
  const auto parsed = std::from_chars(payload.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

std::string calls_checker::payload_of(std::uint64_t call) {
  return std::to_string(call);
}

std::uint64_t calls_checker::begin(std::uint32_t process, request_kind kind, true_time deadline,
                                   std::vector<incarnation> members) {
  const std::uint64_t number = calls_.size();
  auto& c = calls_.emplace_back();
  c.process = process;
  c.kind = kind;
  c.awaited = std::move(members);
  world_.plan(deadline + slack, event_kind::call_check, 0, number);
  return number;
}

void calls_checker::wrong(std::uint64_t number, const std::string& text) {
  world_.violated("calls", fmt::format("call {} of p{}: {}", number,
                                       number < calls_.size() ? calls_[number].process : 0, text));
}

void calls_checker::on_executed(const endpoint& at, const ports::job& work) {
  const auto number = call_of(as_view(work.payload));
  if (!number || *number >= calls_.size()) {
    wrong(0, fmt::format("p{} was given a payload that nobody sent", at.id));
    return;
  }
  auto& c = calls_[*number];
  world_.trace.mix(*number ^ at.id);
  if (c.kind != work.kind) wrong(*number, "executed as another kind of call");
  const bool here = std::any_of(c.executions.begin(), c.executions.end(),
                                [&](const execution& x) { return x.process == at.id; });
  if (c.kind == request_kind::send) {
    if (!acts_.covers(at.id, work.token))
      wrong(*number, fmt::format("p{} executes it under token {}, whose lease is not valid now",
                                 at.id, work.token));
    if (!c.executions.empty()) wrong(*number, fmt::format("executed again, by p{}", at.id));
    if (c.outcome == call_outcome::not_executed)
      wrong(*number,
            fmt::format("p{} executes it after the caller was told that nobody did", at.id));
  } else {
    if (here) wrong(*number, fmt::format("executed again, by p{}", at.id));
    if (std::find(c.spared.begin(), c.spared.end(), at.id) != c.spared.end())
      wrong(*number,
            fmt::format("p{} executes it after the caller was told that it did not", at.id));
  }
  c.executions.push_back({at.id, work.token});
}

calls_checker::record* calls_checker::open_call(std::uint32_t process, std::uint64_t number,
                                                std::string_view what) {
  if (number >= calls_.size() || calls_[number].process != process) {
    wrong(number, fmt::format("{} for a call that p{} never made", what, process));
    return nullptr;
  }
  auto& c = calls_[number];
  if (c.ended) {
    wrong(number, fmt::format("{} after its end", what));
    return nullptr;
  }
  return &c;
}

void calls_checker::on_send_done(std::uint32_t process, std::uint64_t number,
                                 const result<reply>& outcome) {
  record* c = open_call(process, number, "an outcome");
  if (c == nullptr) return;
  c->ended = true;
  if (outcome) {
    c->outcome = call_outcome::replied;
    c->replied = true;
    ++replies_;
    check_reply(number, *c, *outcome);
    return;
  }
  c->outcome = outcome.error().outcome();
  if (*c->outcome == call_outcome::unknown) ++unknowns_;
  if (*c->outcome == call_outcome::not_executed && !c->executions.empty())
    wrong(number, fmt::format("the caller was told that it was not executed ({}), p{} did",
                              outcome.error().message(), c->executions.front().process));
  if (*c->outcome == call_outcome::replied && c->executions.size() != 1)
    wrong(number, "a handler's error without an execution");
}

void calls_checker::check_reply(std::uint64_t number, const record& c, const reply& r) {
  if (c.executions.size() != 1) {
    wrong(number, fmt::format("replied after {} executions", c.executions.size()));
    return;
  }
  const auto& x = c.executions.front();
  if (r.payload != handler_answer(x.process, payload_of(number)))
    wrong(number, fmt::format("the answer is {}", r.payload));
  if (r.from != lives_.of(x.process).name || r.token != x.token)
    wrong(number, fmt::format("executed by p{} under {}, the reply says {} under {}", x.process,
                              x.token, r.from, r.token));
}

void calls_checker::on_broadcast_reply(std::uint32_t process, std::uint64_t number,
                                       const member_reply& answer) {
  record* c = open_call(process, number, "a member's reply");
  if (c == nullptr) return;
  const auto it = std::find(c->awaited.begin(), c->awaited.end(), answer.incarnation);
  if (it == c->awaited.end()) {
    wrong(number, fmt::format("a reply of {}, which was not asked or has answered", answer.name));
    return;
  }
  c->awaited.erase(it);
  const life* l = lives_.find(answer.incarnation);
  if (l == nullptr) return;
  const bool ran = std::any_of(c->executions.begin(), c->executions.end(),
                               [&](const execution& x) { return x.process == l->process; });
  if (answer.answer) {
    if (!ran) wrong(number, fmt::format("{} answered and did not execute it", answer.name));
    if (*answer.answer != handler_answer(l->process, payload_of(number)))
      wrong(number, fmt::format("the answer of {} is {}", answer.name, *answer.answer));
  } else if (answer.answer.error().outcome() == call_outcome::not_executed) {
    if (ran)
      wrong(number, fmt::format("{} executed it, the caller was told that it did not ({})",
                                answer.name, answer.answer.error().message()));
    c->spared.push_back(l->process);
  }
}

void calls_checker::on_broadcast_done(std::uint32_t process, std::uint64_t number) {
  record* c = open_call(process, number, "the end of a broadcast");
  if (c == nullptr) return;
  c->ended = true;
  if (!c->awaited.empty())
    wrong(number, fmt::format("{} members without a result", c->awaited.size()));
}

void calls_checker::on_gone(std::uint32_t process) {
  for (auto& c : calls_) {
    if (c.process == process && !c.ended) c.voided = true;
  }
}

void calls_checker::on_stopped(std::uint32_t process) {
  for (std::uint64_t i = 0; i < calls_.size(); ++i) {
    if (calls_[i].process == process && !calls_[i].ended) wrong(i, "open when the node stopped");
  }
}

void calls_checker::on_check(std::uint64_t number) {
  const auto& c = calls_[number];
  if (c.ended || c.voided) return;
  const auto& story = lives_.of(c.process);
  if (story.paused_since != forever || story.disturbed > world_.now - slack) {
    world_.plan(world_.now + slack, event_kind::call_check, 0, number);
    return;
  }
  wrong(number, "no outcome at its deadline");
}

}  // namespace hedgerow::sim
