#include "sim/checkers/evictions_checker.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/membership/rings.h"
#include "sim/describe.h"

namespace hedgerow::sim {
namespace {

// Between two statements of one burst, at most.
constexpr true_time lane_gap = 300 * millisecond;
// Longer than it takes from one that stands back to the next, with any lease of the swarm.
constexpr true_time stand_back_memory = 40 * second;

}  // namespace

void evictions_checker::on_submitted(std::uint32_t leader, std::uint64_t number,
                                     const ports::view_request& request) {
  if (leader >= lanes_.size()) lanes_.resize(leader + 1);
  auto& lane = lanes_[leader];
  if (world_.now > lane.free_at + lane_gap) lane.busy_since = world_.now;
  lane.free_at = world_.now + store_patience_;
  if (request.action != ports::view_action::commit) return;
  std::vector<finding> findings;
  for (const auto& r : request.row.removed) {
    if (removed_.contains(r.incarnation)) continue;
    findings.push_back({r.incarnation, judge(leader, request, r, lane.busy_since - window())});
  }
  if (!findings.empty()) open_.emplace(number, std::move(findings));
}

// Ten clean probes end a silence (D2); then the edge must be reported and weighed.
true_time evictions_checker::window() const {
  return (options_.clean_probes + 5) * options_.probe_period.count() + 500 * millisecond;
}

void evictions_checker::on_stood_back(std::uint32_t leader, const view& members) {
  stood_back_.insert(leader);
  stood_back_at_ = world_.now;
  const true_time since = world_.now - window();
  // Pauses that are too short to be noticed add up.
  if (lives_.of(leader).disturbed_before >= since) return;
  const std::uint32_t at = lives_.of(leader).slot;
  const auto hears =
      std::count_if(members.members.begin(), members.members.end(), [&](const auto& m) {
        const life* l = lives_.find(m.incarnation);
        if (l == nullptr || l->ended <= world_.now || m.state != member_state::up) return false;
        const auto& story = lives_.of(l->process);
        return l->process == leader || (!story.stop_called && story.clean_since(since) &&
                                        paths_.clean_since(at, story.slot, since));
      });
  if (2 * static_cast<std::size_t>(hears) > members.members.size())
    world_.violated("evictions", fmt::format("p{} stood back, and {} of {} could hear it", leader,
                                             hears, members.members.size()));
}

void evictions_checker::on_settled(std::uint32_t leader) {
  lanes_[leader].free_at = world_.now;
}

void evictions_checker::on_executed(std::uint64_t number, const ports::view_request& request,
                                    const ports::view_reply& reply) {
  const auto it = open_.find(number);
  if (it == open_.end()) return;
  const auto crashed = [&](const removal& r) {
    return r.reason == removal_reason::crashed && !removed_.contains(r.incarnation);
  };
  const auto& named = request.row.removed;
  if (reply.applied && std::any_of(named.begin(), named.end(), crashed)) crash_seen_ = world_.now;
  for (const auto& f : it->second) {
    if (!reply.applied) continue;
    removed_.insert(f.who);
    if (!f.wrong.empty())
      world_.violated("evictions", f.wrong + "; by view " + describe(request.row.id));
  }
  open_.erase(it);
}

std::string evictions_checker::judge(std::uint32_t leader, const ports::view_request& request,
                                     const removal& r, true_time window_start) const {
  const life* l = lives_.find(r.incarnation);
  if (l == nullptr) return fmt::format("{} was removed and never lived", r.name);
  const auto& story = lives_.of(l->process);
  const auto text = [&](std::string_view why) {
    return fmt::format("p{} removed {}/{} (p{}) as {}: {}", leader, r.name,
                       short_form(r.incarnation), l->process, to_string(r.reason), why);
  };
  const bool gone = l->ended <= world_.now;
  switch (r.reason) {
    case removal_reason::left:
      return story.stop_called ? "" : text("it never said so");
    case removal_reason::crashed:
      return gone ? "" : text("it lives");
    case removal_reason::replaced: {
      const bool answers = !gone && story.clean_since(window_start) &&
                           paths_.clean_since(lives_.of(leader).slot, story.slot, window_start);
      return answers ? text("it lives and answers") : "";
    }
    case removal_reason::silent:
      break;
  }
  if (gone || !story.clean_since(window_start)) return "";
  const view* base = views_.base_of(request.row.id, r.incarnation);
  if (base == nullptr) return text("no view holds it");
  const auto subject = static_cast<std::uint32_t>(base->find(r.incarnation) - base->members.data());
  // J1 has rules of its own: who is joining goes unless most of its observers reach it.
  if (base->members[subject].state == member_state::joining) return "";
  if (in_minority(leader, *base, window_start)) return text("the leader was in the minority");
  return healthy(leader, *base, subject, window_start) ? text("it was healthy") : "";
}

// C5. All live, and of the members, who joins is none yet, at most half can have been heard. A
// leader that stood back before may go on without the others.
bool evictions_checker::in_minority(std::uint32_t leader, const view& v, true_time since) const {
  // Where somebody crashed, a kernel answered.
  const bool lately = world_.now < stood_back_at_ + stand_back_memory;
  if ((lately && stood_back_.contains(leader)) || crash_seen_ >= since) return false;
  const std::uint32_t at = lives_.of(leader).slot;
  std::size_t members = 0;
  std::size_t unheard = 0;
  for (const auto& m : v.members) {
    const life* l = lives_.find(m.incarnation);
    if (l == nullptr || l->ended <= world_.now) return false;
    if (m.state == member_state::joining) continue;
    ++members;
    const auto& story = lives_.of(l->process);
    if (story.still_since(since) || paths_.dead_since(at, story.slot, since)) ++unheard;
  }
  return 2 * unheard >= members;
}

// C1 can't condemn when more than a tenth of the voices speaks for the subject; with fewer than
// three voices the leader's own link must be silent, too. For it count only voices that are certain
// to be heard, against it all that are not certain to be unheard.
bool evictions_checker::healthy(std::uint32_t leader, const view& v, std::uint32_t subject,
                                true_time since) const {
  const core::rings rings(v, options_.observers_max);
  const auto n = static_cast<std::uint32_t>(v.members.size());
  const std::uint32_t at = lives_.of(leader).slot;
  std::vector<bool> speaks(n), possible(n);
  std::vector<std::uint32_t> slot(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    const life* l = lives_.find(v.members[i].incarnation);
    if (l == nullptr || l->ended <= since) continue;
    const auto& story = lives_.of(l->process);
    slot[i] = story.slot;
    possible[i] = !story.still_since(since) && !paths_.dead_since(at, story.slot, since);
    // A newcomer's word may not have been heard yet.
    speaks[i] = v.members[i].state != member_state::joining && l->ended > world_.now &&
                story.clean_since(since) && paths_.clean_since(at, story.slot, since);
  }
  const auto upheld = [&](std::uint32_t s) -> bool {
    const auto& observers = rings.observers_of(s);
    std::size_t for_it = 0;
    std::size_t against = 0;
    std::size_t helpers = 0;  // C3: may speak against it, too
    for (std::uint32_t i = 0; i < n; ++i) {
      if (i == s) continue;
      const bool observes = std::find(observers.begin(), observers.end(), i) != observers.end();
      const bool reaches = speaks[i] && paths_.clean_since(slot[i], slot[s], since);
      for_it += observes && reaches ? 1U : 0U;
      against += observes && possible[i] && !reaches ? 1U : 0U;
      helpers += !observes && possible[i] && !reaches ? 1U : 0U;
    }
    against += std::min<std::size_t>(helpers, static_cast<std::size_t>(options_.helpers));
    if (for_it + against < 3) return speaks[s];
    return 10 * for_it > for_it + against;
  };
  // Who is condemned has no voice: to the fixpoint.
  for (bool moved = true; moved;) {
    moved = false;
    for (std::uint32_t s = 0; s < n; ++s) {
      if (slot[s] == at || !speaks[s] || upheld(s)) continue;
      speaks[s] = false;
      moved = true;
    }
  }
  const life* l = lives_.find(v.members[subject].incarnation);
  return l != nullptr && upheld(subject);
}

}  // namespace hedgerow::sim
