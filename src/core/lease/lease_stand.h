#pragma once
// A test stand for the lease core: one core, one row that obeys the contract of ports/store.h to
// the letter, and a clock that goes only when told. Nothing is answered unless the test says so.
//
// Times that a test gives or sees count from the start of the stand.

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/lease/lease.h"

namespace hedgerow::core {

inline constexpr incarnation stand_self{1, 1};
inline constexpr incarnation stand_other{2, 2};

// What a store whose epoch is `epoch` does and answers.
inline ports::lease_reply execute(std::optional<ports::lease_row>& row, const std::string& epoch,
                                  const ports::lease_request& request) {
  using ports::lease_action;
  const auto& asked = request.row;
  const bool pinned = asked.epoch == epoch;
  const bool own = row && row->token == asked.token && row->incarnation == asked.incarnation;
  bool applied = false;
  switch (request.action) {
    case lease_action::read:
      break;
    case lease_action::create:
      applied = !row && pinned;
      if (applied) row = asked;
      break;
    case lease_action::acquire: {
      if (!row || row->token != request.observed || row->scale != asked.scale || !pinned) break;
      const bool foreign = row->epoch != epoch;
      applied = foreign ? request.waited : row->released || row->expires < request.earliest;
      if (!applied) break;
      auto next = asked;
      next.token = std::max(row->token + 1, asked.token);
      next.version = row->version + 1;
      next.lease_max = row->lease_max;
      if (row->version > 0) next.safe_after = row->safe_after;
      if (foreign) next.safe_after = {};
      row = next;
      break;
    }
    case lease_action::renew:
      applied = own && !row->released && row->epoch == epoch && pinned;
      if (applied) row->expires = std::max(row->expires, asked.expires);
      break;
    case lease_action::release:
      applied = own;
      if (applied) row->released = true;
      break;
    case lease_action::repin:
      applied = own && !row->released && row->version < asked.version && pinned;
      if (!applied) break;
      row->expires = std::max(row->expires, asked.expires);
      row->epoch = asked.epoch;
      row->version = asked.version;
      break;
  }
  return {ports::store_outcome::done, applied, row, epoch, {}};
}

class lease_stand {
 public:
  explicit lease_stand(lease_options with = {})
      : core(with, {"a", {}, "a:1", "utc"}, 1), start_(now) {
    act([&] { core.reincarnate(now, stand_self, out); });
  }

  // Lets both kinds of time go on, without waking the core.
  void pass(nanoseconds d) {
    now.boot = now.boot + d;
    const auto us = std::chrono::duration_cast<microseconds>(d);
    now.truth.earliest = now.truth.earliest + us;
    now.truth.latest = now.truth.latest + us;
    now.truth.token_hint += us.count();
  }
  void tick(nanoseconds d = {}) {
    pass(d);
    act([&] { core.tick(now, out); });
  }
  // Sleeps as long as the core wants, then ticks. False if it wants no wake-up, or far too many.
  bool wake() {
    const auto at = core.next_wake(now);
    if (at == boot_time::never() || ++wakes_ > 10'000) return false;
    tick(std::max(nanoseconds{0}, at - now.boot));
    return true;
  }
  // Calls the core with `out`, and sorts what it asks for.
  template <class Call>
  void act(Call call) {
    out.clear();
    call();
    for (const auto& e : out) {
      if (const auto* s = std::get_if<lease_effect::submit>(&e)) {
        open.push_back(*s);
      } else {
        notes.push_back(e);
      }
    }
  }

  // The statement that was submitted first of those without an answer. Requires: there is one.
  lease_effect::submit take() {
    auto first = std::move(open.front());
    open.pop_front();
    return first;
  }
  void answer(ports::request_id id, const ports::lease_reply& reply) {
    act([&] { core.on_reply(now, id, reply, out); });
  }
  ports::lease_reply reply() {
    const auto s = take();
    const auto answered = execute(row, epoch, s.request);
    answer(s.id, answered);
    return answered;
  }
  void fail(ports::store_outcome outcome) {
    answer(take().id, {outcome, false, {}, {}, "the store is away"});
  }
  // Executes without an answer.
  void lose_reply() { execute(row, epoch, take().request); }

  // A row of somebody else's.
  void other_holds(fencing_token token, microseconds left) {
    row = ports::lease_row{.holder = "b",
                           .incarnation = stand_other,
                           .address = "b:1",
                           .token = token,
                           .expires = now.truth.latest + left,
                           .lease = seconds{3},
                           .lease_max = seconds{3},
                           .safe_after = {},
                           .epoch = epoch,
                           .scale = "utc",
                           .version = 1};
  }
  // The core leads, with nothing in flight.
  void lead(fencing_token token = 7) {
    other_holds(token - 1, seconds{-1});
    now.truth.token_hint = token;
    reply();  // read
    reply();  // acquire
    notes.clear();
  }
  bool acts() const { return core.may_act(now.truth); }
  template <class Effect>
  std::vector<Effect> noted() const {
    std::vector<Effect> found;
    for (const auto& e : notes) {
      if (const auto* one = std::get_if<Effect>(&e)) found.push_back(*one);
    }
    return found;
  }
  microseconds since_start(instant t) const { return t - start_.truth.latest; }
  nanoseconds since_start(boot_time t) const { return t - start_.boot; }

  reading now{{{999'999'000}, {1'000'001'000}, clock_status::synchronized, 1'000'000},
              {10'000'000'000}};
  lease core;
  lease_effects out;                      // of the last call, in order
  lease_effects notes;                    // all but the submits
  std::deque<lease_effect::submit> open;  // without an answer
  std::optional<ports::lease_row> row;
  std::string epoch = "e1";

 private:
  reading start_;
  int wakes_ = 0;
};

}  // namespace hedgerow::core
