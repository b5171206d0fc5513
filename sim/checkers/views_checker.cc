#include "sim/checkers/views_checker.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/describe.h"

namespace hedgerow::sim {

using ports::view_action;

void views_checker::on_executed(const ports::view_request& request,
                                const std::optional<ports::view_row>& before,
                                const ports::view_reply& reply) {
  if (!reply.applied || request.action == view_action::read) return;
  if (request.action == view_action::claim) {
    on_claimed(request.row.id.token, before);
  } else {
    on_committed(request.row, before);
  }
}

void views_checker::on_claimed(fencing_token token, const std::optional<ports::view_row>& before) {
  view held;
  if (before) held = {before->list_id(), before->members, before->removed};
  const auto it = claimed_.find(token);
  // After a promotion the same leader may have to claim again.
  if (it == claimed_.end()) {
    claimed_.emplace(token, std::move(held));
  } else if (it->second.id < held.id) {
    it->second = std::move(held);
  }
}

void views_checker::on_committed(const ports::view_row& row,
                                 const std::optional<ports::view_row>& before) {
  const view next{row.id, row.members, row.removed};
  if (before && next.id <= before->id)
    world_.violated("views", fmt::format("the row went from {} to {}", describe(before->id),
                                         describe(next.id)));
  // What a leader of before had begun was executed on rows that had gone back.
  if (!committed_.empty() && next.id < committed_.rbegin()->first) late_.insert(next.id);
  const auto first = committed_.lower_bound({next.id.token, 0});
  const bool new_tenure = first == committed_.end() || first->first.token != next.id.token;
  const auto [it, fresh] = committed_.emplace(next.id, next);
  if (!fresh && !(it->second == next))
    world_.violated("views", fmt::format("two contents of {}: {} and {}", describe(next.id),
                                         describe(it->second), describe(next)));
  for (const auto& m : next.members) {
    const auto same = std::count_if(next.members.begin(), next.members.end(),
                                    [&](const member& x) { return x.name == m.name; });
    if (same != 1) world_.violated("views", fmt::format("name twice in {}", describe(next)));
    if (next.removal_of(m.incarnation) != nullptr)
      world_.violated("views",
                      fmt::format("{} was removed and is back in {}", m.name, describe(next)));
  }
  if (new_tenure) check_first(next);
  world_.trace.mix(next.id.sequence ^ next.members.size());
}

bool views_checker::gone_between(const view_id& low, const view_id& high,
                                 const incarnation& who) const {
  return std::any_of(committed_.lower_bound(low), committed_.lower_bound(high),
                     [&](const auto& c) { return c.second.removal_of(who) != nullptr; });
}

// Then nobody may know any more how that list went on, or everybody knows of a later one.
bool views_checker::of_lost_history(const view& list) const {
  return list.id <= lost_ || late_.contains(list.id);
}

// `m`, of `list`, is in this first view of a tenure, or it is known why not. A store that forgets
// commits may have handed over a view older than one that is known.
bool views_checker::accounts_for(const member& m, const view& list, const view& first) const {
  if (first.find(m.incarnation) != nullptr || gone_between(list.id, first.id, m.incarnation))
    return true;
  const removal* gone = first.removal_of(m.incarnation);
  return gone != nullptr && gone->reason == removal_reason::replaced &&
         first.find(m.name) != nullptr;
}

// From a view that is later than the row's list, and that members may have told of: after one
// history was given up for another, which was given up for a copy of the first. Its own first was
// judged when it was committed.
bool views_checker::goes_on_from_later(const view& list, const view& first) const {
  return std::any_of(
      committed_.upper_bound(list.id), committed_.lower_bound(first.id), [&](const auto& c) {
        return std::all_of(c.second.members.begin(), c.second.members.end(),
                           [&](const member& m) { return accounts_for(m, c.second, first); });
      });
}

void views_checker::check_first(const view& first) {
  const auto claimed = claimed_.find(first.id.token);
  if (claimed == claimed_.end()) {
    world_.violated("views", "committed without a claim: " + describe(first));
    return;
  }
  const view& before = claimed->second;
  for (const auto& m : before.members) {
    if (accounts_for(m, before, first)) continue;
    if (of_lost_history(before) || goes_on_from_later(before, first)) return;
    world_.violated("views", fmt::format("the new leader lost {}: from {} to {}", m.name,
                                         describe(before), describe(first)));
  }
}

void views_checker::on_seen(std::uint32_t process, const incarnation& who, const view& seen) {
  if (process >= seen_.size()) seen_.resize(process + 1);
  auto& last = seen_[process];
  if (last.who == who && seen.id <= last.newest)
    world_.violated("views", fmt::format("p{} went from {} to {}", process, describe(last.newest),
                                         describe(seen.id)));
  last = {who, seen.id};
  const auto it = committed_.find(seen.id);
  if (it == committed_.end()) {
    world_.violated("views",
                    fmt::format("p{} sees what nobody committed: {}", process, describe(seen)));
  } else if (!(it->second == seen)) {
    world_.violated("views", fmt::format("p{} sees {} as {}, it is {}", process, describe(seen.id),
                                         describe(seen), describe(it->second)));
  }
}

const view* views_checker::base_of(const view_id& id, const incarnation& who) const {
  auto it = committed_.lower_bound(id);
  while (it != committed_.begin()) {
    --it;
    if (it->second.find(who) != nullptr) return &it->second;
  }
  return nullptr;
}

}  // namespace hedgerow::sim
