#pragma once
// A test stand for the leader of views: one core, one row that obeys the contract of ports/store.h,
// and a boot clock that goes only when told. Nothing is answered unless the test says so.

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/membership/members_stand.h"
#include "core/membership/view_leader.h"

namespace hedgerow::core {

inline ports::view_reply execute(std::optional<ports::view_row>& row,
                                 const ports::view_request& request,
                                 const std::string& epoch = "e1") {
  bool applied = false;
  switch (request.action) {
    case ports::view_action::read:
      break;
    case ports::view_action::claim:
      applied = !row || row->id.token < request.row.id.token;
      if (!row) row = ports::view_row{{0, 0}, {}, {}, {}};
      if (applied && row->list_token == 0) row->list_token = row->id.token;
      if (applied) row->id.token = request.row.id.token;
      break;
    case ports::view_action::commit:
      applied = row && row->id == request.expected;
      if (applied) row = request.row;
      break;
  }
  return {ports::store_outcome::done, applied, row, epoch, {}};
}

class view_stand {
 public:
  static constexpr nanoseconds patience = seconds{2};

  // Member 1 is the node itself.
  void begin(fencing_token token, const view_ptr& known = nullptr,
             const std::string& store_epoch = "e1") {
    epoch = store_epoch;
    act([&] { core.begin(now, token, member_of(1), known, false, out); });
  }
  // A tenure over these members that has begun to lead, with nothing in flight.
  void lead(fencing_token token, const std::vector<std::uint64_t>& members) {
    row = ports::view_row{{token - 1, 5}, "e1", view_of({}, members)->members, {}};
    begin(token);
    reply_all();
    out.clear();
    notes.clear();
  }
  template <class Call>
  void act(Call call) {
    out.clear();
    call();
    for (const auto& e : out) {
      if (const auto* s = std::get_if<view_effect::submit>(&e)) {
        open.push_back(*s);
      } else {
        notes.push_back(e);
      }
    }
  }
  void tick(nanoseconds d = {}) {
    now = now + d;
    act([&] { core.tick(now, out); });
  }
  // Sleeps as long as the core wants, then ticks. False if it wants no wake-up, or far too many.
  bool wake() {
    const auto next = core.next_wake();
    if (next == boot_time::never() || ++wakes_ > 10'000) return false;
    tick(std::max(nanoseconds{0}, next - now));
    return true;
  }
  view_effect::submit take() {
    auto first = std::move(open.front());
    open.pop_front();
    return first;
  }
  void answer(ports::request_id id, const ports::view_reply& reply) {
    act([&] { core.on_reply(now, id, reply, out); });
  }
  ports::view_reply reply() {
    const auto s = take();
    const auto answered = execute(row, s.request, epoch);
    answer(s.id, answered);
    return answered;
  }
  void reply_all() {
    while (!open.empty())
      reply();
  }
  void join(const member& who) {
    act([&] { core.on_join(now, who, out); });
  }
  void verified_as(std::uint64_t who, verified outcome) {
    act([&] { core.on_verified(now, life(who), outcome, out); });
  }
  // All effects of one kind since they were last cleared.
  template <class Effect>
  std::vector<Effect> noted() const {
    std::vector<Effect> found;
    for (const auto& e : notes) {
      if (const auto* one = std::get_if<Effect>(&e)) found.push_back(*one);
    }
    return found;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    if (row) {
      for (const auto& m : row->members)
        all.push_back(m.name);
    }
    return all;
  }

  membership_options options;
  view_leader core{options, patience};
  boot_time now = at(seconds{0});
  view_effects out;                      // of the last call, in order
  view_effects notes;                    // all but the submits
  std::deque<view_effect::submit> open;  // without an answer
  std::optional<ports::view_row> row;
  std::string epoch = "e1";

 private:
  int wakes_ = 0;
};

}  // namespace hedgerow::core
