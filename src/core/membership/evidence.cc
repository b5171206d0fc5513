#include "core/membership/evidence.h"

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"
#include "base/random.h"

namespace hedgerow::core {

using message::edge_state;

void evidence::begin(boot_time now, bool may_condemn) {
  records_.clear();
  condemned_.clear();
  view_.reset();
  rings_.reset();
  beat_sent_.fill(now);
  may_condemn_ = may_condemn;
  own_usable_ = true;
}

void evidence::watch(boot_time now, const view_ptr& members) {
  view_ = members;
  rings_.emplace(*view_, options_.observers_max);
  std::map<incarnation, record> next;
  for (const auto& m : view_->members) {
    const auto it = records_.find(m.incarnation);
    next.emplace(m.incarnation, it == records_.end() ? record{.since = now,
                                                              .echoed = {},
                                                              .edges = {},
                                                              .confirmed = {},
                                                              .doubtful_since = {},
                                                              .helpers = {}}
                                                     : std::move(it->second));
  }
  records_ = std::move(next);
  // What the guard counts is who was removed, not who was to be.
  std::erase_if(condemned_, [&](const incarnation& who) {
    if (records_.contains(who)) return false;
    silent_removals_.push_back(now);
    return true;
  });
}

void evidence::restart(boot_time now) {
  for (auto& [who, r] : records_)
    r.since = now;
}

// Neither the leader nor any fresh observer has heard of it.
bool evidence::silent_for_all(boot_time now, const incarnation& who) const {
  const auto it = records_.find(who);
  if (it == records_.end() || !own_link_stale(now, it->second)) return false;
  return std::none_of(records_.begin(), records_.end(), [&](const auto& r) {
    return r.first != who && fresh(now, r.first) && state_of(r.first, who) == edge_state::up;
  });
}

std::uint64_t evidence::beat(boot_time now) {
  ++nonce_;
  beat_sent_[nonce_ % beat_sent_.size()] = now;
  return nonce_;
}

std::vector<incarnation> evidence::extra_subjects_of(const incarnation& helper) const {
  std::vector<incarnation> subjects;
  for (const auto& [who, r] : records_) {
    if (std::find(r.helpers.begin(), r.helpers.end(), helper) != r.helpers.end())
      subjects.push_back(who);
  }
  return subjects;
}

void evidence::on_report(boot_time now, const incarnation& observer,
                         const message::report& report) {
  const auto it = records_.find(observer);
  if (it == records_.end()) return;
  it->second.edges = report.edges;
  // As state_of looks for them; a peer may say anything.
  std::sort(it->second.edges.begin(), it->second.edges.end(),
            [](const auto& a, const auto& b) { return a.subject < b.subject; });
  HEDGEROW_PROBE_IF(report.nonce == 0, evidence_report_without_nonce);
  if (report.nonce == 0 || report.nonce > nonce_ || report.nonce + beat_sent_.size() <= nonce_)
    return;
  const boot_time sent = beat_sent_[report.nonce % beat_sent_.size()];
  it->second.echoed = std::max(it->second.echoed, std::min(sent, now));
}

void evidence::on_own_edges(const std::vector<message::edge>& edges, bool usable) {
  own_usable_ = usable;
  const auto it = records_.find(self_);
  if (it != records_.end()) it->second.edges = edges;
}

void evidence::on_pause(boot_time now) {
  if (HEDGEROW_MUTANT(keep_own_pause)) return;
  HEDGEROW_PROBE(evidence_forgotten_by_pause);
  for (auto& [who, r] : records_) {
    r.since = now;
    r.echoed = {};
    r.doubtful_since.reset();
  }
  condemned_.clear();
}

void evidence::on_confirmed(const incarnation& subject, removal_reason reason) {
  const auto it = records_.find(subject);
  if (it != records_.end()) it->second.confirmed = reason;
}

// A newcomer needs a connection, a beat and its echo before silence means anything.
boot_time evidence::grace_end(const record& r) const {
  return r.since + options_.silence() + 2 * options_.probe_period;
}

bool evidence::fresh(boot_time now, const incarnation& who) const {
  if (who == self_) return own_usable_;
  const auto it = records_.find(who);
  return it != records_.end() && it->second.echoed.ns != 0 &&
         now - it->second.echoed <= options_.silence();
}

bool evidence::own_link_stale(boot_time now, const record& r) const {
  const boot_time last = std::max(r.echoed + options_.silence(), grace_end(r));
  return now > last;
}

bool evidence::heard(boot_time now, const incarnation& who) const {
  if (who == self_) return true;
  const auto it = records_.find(who);
  return it != records_.end() && !own_link_stale(now, it->second);
}

edge_state evidence::state_of(const incarnation& observer, const incarnation& subject) const {
  const auto& edges = records_.at(observer).edges;
  const auto it = std::lower_bound(
      edges.begin(), edges.end(), subject,
      [](const message::edge& e, const incarnation& who) { return e.subject < who; });
  return it == edges.end() || it->subject != subject ? edge_state::unknown : it->state;
}

verdict_question evidence::question(boot_time now) const {
  verdict_question q;
  const auto& members = view_->members;
  std::map<incarnation, std::uint32_t> index;
  for (std::uint32_t i = 0; i < members.size(); ++i)
    index.emplace(members[i].incarnation, i);
  for (std::uint32_t s = 0; s < members.size(); ++s) {
    const auto& who = members[s].incarnation;
    const auto& r = records_.at(who);
    auto& subject = q.subjects.emplace_back();
    subject.own_link_stale = own_link_stale(now, r);
    // Nobody is judged by what was seen before the leader itself could hear of it.
    subject.judged = who != self_ && members[s].state != member_state::joining && !r.confirmed &&
                     now > grace_end(r);
    std::vector<std::uint32_t> observers = rings_->observers_of(s);
    for (const auto& h : r.helpers) {
      if (const auto it = index.find(h); it != index.end()) observers.push_back(it->second);
    }
    for (const auto o : observers) {
      const edge_state state = state_of(members[o].incarnation, who);
      const bool down = state == edge_state::down || state == edge_state::refused;
      subject.voices.push_back({o, down});
    }
    q.fresh.push_back(fresh(now, who));
  }
  return q;
}

void evidence::find_certain(boot_time now, findings& found) {
  struct claim {
    bool refused = false;
    bool by_others = false;
    bool left = false;
  };
  std::map<incarnation, claim> claims;
  for (const auto& [observer, r] : records_) {
    if (!fresh(now, observer)) continue;
    for (const auto& e : r.edges) {
      if (e.state != edge_state::refused && e.state != edge_state::left) continue;
      if (e.subject == observer || e.subject == self_) continue;
      auto& c = claims[e.subject];
      c.left |= e.state == edge_state::left;
      c.refused |= e.state == edge_state::refused;
      c.by_others |= e.state == edge_state::refused && observer != self_;
    }
  }
  for (const auto& m : view_->members) {
    const auto& confirmed = records_.at(m.incarnation).confirmed;
    const auto it = claims.find(m.incarnation);
    if (confirmed) {
      found.gone.push_back({m.name, m.incarnation, *confirmed});
    } else if (it == claims.end()) {
      continue;
    } else if (it->second.left) {
      HEDGEROW_PROBE(evidence_left_heard_by_observer);
      found.gone.push_back({m.name, m.incarnation, removal_reason::left});
    } else {
      HEDGEROW_PROBE_IF(!it->second.by_others, evidence_refused_leader_alone);
      HEDGEROW_PROBE_IF(it->second.by_others, evidence_refused_by_others);
      found.refused.push_back({m.incarnation, !it->second.by_others});
    }
  }
}

void evidence::find_joiners(boot_time now, findings& found) const {
  for (std::uint32_t s = 0; s < view_->members.size(); ++s) {
    const auto& m = view_->members[s];
    if (m.state != member_state::joining || m.incarnation == self_) continue;
    std::size_t asked = 0;
    std::size_t reach = 0;
    for (const auto o : rings_->observers_of(s)) {
      const auto& observer = view_->members[o];
      // Two that join together can't vouch for each other yet.
      if (!fresh(now, observer.incarnation) || observer.state == member_state::joining) continue;
      ++asked;
      if (state_of(observer.incarnation, m.incarnation) == edge_state::up) ++reach;
    }
    const bool late = now > records_.at(m.incarnation).since + options_.join_patience;
    if (asked > 0 && (reach == asked || (late && 2 * reach > asked))) {
      HEDGEROW_PROBE_IF(reach < asked, evidence_joiner_reached_by_most);
      found.reached.insert(m.incarnation);
    } else if (late) {
      HEDGEROW_PROBE(evidence_joiner_unreached);
      found.unreached.insert(m.incarnation);
    }
  }
}

// Whoever says join is in the view until its patience is over: a stranger's invented members must
// not cost the group its leader.
bool evidence::has_voice(const member& m) {
  return m.state != member_state::joining;
}

bool evidence::hears_most(boot_time now) const {
  std::size_t voices = 0;
  std::size_t fresh_voices = 0;
  for (const auto& m : view_->members) {
    if (!has_voice(m)) continue;
    ++voices;
    if (fresh(now, m.incarnation)) ++fresh_voices;
  }
  return 2 * fresh_voices > voices;
}

// C5. Where somebody crashed, or is about to be found so, a kernel has answered, and the leader is
// not cut off; unless that kernel is its own, which answers without a network. Then it says
// something of the members on that machine alone.
bool evidence::in_minority(boot_time now, const findings& found) const {
  std::set<incarnation> refused;
  for (const suspicion& s : found.refused)
    refused.insert(s.subject);
  for (const removal& r : found.gone) {
    if (r.reason == removal_reason::crashed) refused.insert(r.incarnation);
  }
  const member* own = view_->find(self_);
  const auto beside = [own](const member& m) {
    return own != nullptr && !own->machine.empty() && m.machine == own->machine;
  };
  for (const incarnation& who : refused) {
    if (!beside(*view_->find(who))) return false;
  }
  std::size_t members = 0;
  std::size_t hears = 0;
  for (const auto& m : view_->members) {
    if (!has_voice(m) || refused.contains(m.incarnation)) continue;
    ++members;
    if (heard(now, m.incarnation) || (!refused.empty() && beside(m))) ++hears;
  }
  return hears < members && 2 * hears <= members;
}

// C4: how many may still be removed for silence in this window.
std::size_t evidence::guard_room(boot_time now) {
  std::erase_if(silent_removals_, [&](boot_time t) { return now - t > options_.guard_window; });
  const auto share = static_cast<std::size_t>(
      options_.guard_share * static_cast<double>(view_->members.size() + silent_removals_.size()));
  const std::size_t allowed = std::max<std::size_t>(2, share);
  return allowed - std::min(allowed, silent_removals_.size());
}

void evidence::find_silent(boot_time now, findings& found) {
  const verdict v = core::judge(question(now), options_);
  std::set<incarnation> condemned;
  for (const auto i : v.condemned)
    condemned.insert(view_->members[i].incarnation);
  if (condemned != condemned_) {
    // A verdict that stood has had its time; those that fall silent later get theirs.
    if (condemned_.empty() || settled_) condemned_first_ = now;
    condemned_ = std::move(condemned);
    condemned_changed_ = now;
    settled_ = false;
  }
  find_doubtful(now, v.doubtful, found);
  if (condemned_.empty()) return;
  const bool stood =
      now - condemned_changed_ >= options_.hold || now - condemned_first_ >= options_.hold_max;
  HEDGEROW_PROBE_IF(!stood, evidence_verdict_waits);
  if (!stood) return;  // C2
  HEDGEROW_PROBE_IF(now - condemned_changed_ < options_.hold, evidence_verdict_waited_long_enough);
  // A leader that nobody else wanted to replace may condemn (C5), or it would be stuck for ever.
  settled_ = true;
  if (!may_condemn_ && condemned_.size() > guard_room(now)) {
    HEDGEROW_PROBE(evidence_guard_holds);
    found.alarm = std::to_string(condemned_.size()) +
                  " members are silent: too many at once to be believed; kept as degraded";
    found.doubtful.insert(condemned_.begin(), condemned_.end());
    // They may have crashed, and whoever would have been refused by one be another of them: then
    // only this leader can find out.
    for (const auto& who : condemned_)
      found.refused.push_back({who, true});
    return;
  }
  HEDGEROW_PROBE(evidence_silent_condemned);
  HEDGEROW_PROBE_IF(may_condemn_, evidence_condemns_after_standing_back);
  for (const auto& who : condemned_) {
    found.gone.push_back({view_->find(who)->name, who, removal_reason::silent});
  }
}

void evidence::find_doubtful(boot_time now, const std::vector<std::uint32_t>& doubtful,
                             findings& found) {
  std::set<std::uint32_t> in_doubt(doubtful.begin(), doubtful.end());
  for (std::uint32_t s = 0; s < view_->members.size(); ++s) {
    auto& r = records_.at(view_->members[s].incarnation);
    if (!in_doubt.contains(s)) {
      HEDGEROW_PROBE_IF(r.doubtful_since, evidence_doubt_is_over);
      r.doubtful_since.reset();
      r.helpers.clear();
      continue;
    }
    if (!r.doubtful_since) {
      r.doubtful_since = now;
      choose_helpers(now, s, r);
    }
    HEDGEROW_PROBE_IF(now - *r.doubtful_since >= options_.doubt_patience, evidence_degraded);
    if (now - *r.doubtful_since >= options_.doubt_patience)
      found.doubtful.insert(view_->members[s].incarnation);
  }
}

// C3: fresh members that don't observe it anyway, those of other zones first.
void evidence::choose_helpers(boot_time now, std::uint32_t subject, record& r) {
  const auto& members = view_->members;
  const auto& observers = rings_->observers_of(subject);
  std::vector<std::pair<std::pair<bool, std::uint64_t>, incarnation>> candidates;
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    if (i == subject || members[i].incarnation == self_ || !fresh(now, members[i].incarnation))
      continue;
    if (std::find(observers.begin(), observers.end(), i) != observers.end()) continue;
    const bool same_zone = members[i].zone == members[subject].zone;
    candidates.push_back(
        {{same_zone, base::mix(members[i].incarnation.low ^ nonce_)}, members[i].incarnation});
  }
  std::sort(candidates.begin(), candidates.end());
  const auto wanted = std::min(candidates.size(), static_cast<std::size_t>(options_.helpers));
  r.helpers.clear();
  HEDGEROW_PROBE_IF(wanted > 0, evidence_helpers_asked);
  for (std::size_t i = 0; i < wanted; ++i)
    r.helpers.push_back(candidates[i].second);
}

evidence::findings evidence::judge(boot_time now) {
  findings found;
  if (!view_) return found;
  // The leave to condemn is for those that were silent then, not for a later cut.
  may_condemn_ = may_condemn_ && !hears_most(now);
  find_certain(now, found);
  find_joiners(now, found);
  if (!may_condemn_ && !HEDGEROW_MUTANT(no_stand_down) && in_minority(now, found)) {
    HEDGEROW_PROBE(evidence_in_minority);
    found.stand_back = true;
    condemned_.clear();
    return found;
  }
  find_silent(now, found);
  return found;
}

boot_time evidence::next_wake() const {
  if (condemned_.empty() || settled_) return boot_time::never();
  return std::min(condemned_changed_ + options_.hold, condemned_first_ + options_.hold_max);
}

}  // namespace hedgerow::core
