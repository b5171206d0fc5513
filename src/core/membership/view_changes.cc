// What changes a view: joins, leaves, reports and confirmations. The other half of view_leader.

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"
#include "core/membership/view_leader.h"
#include "model/limits.h"
#include "model/loopback.h"

namespace hedgerow::core {
namespace {

constexpr nanoseconds refusal_gap = milliseconds{50};
// Reports come in bursts; one judgement serves them all.
constexpr nanoseconds weigh_pause = milliseconds{5};

}  // namespace

void view_leader::tick(boot_time now, view_effects& out) {
  if (!active()) return;
  HEDGEROW_PROBE_IF(pending_ && now >= pending_->deadline, view_store_silent);
  if (pending_ && now >= pending_->deadline)
    on_reply(now, pending_->id, ports::view_reply{ports::store_outcome::unknown, false, {}, {}, {}},
             out);
  if (phase_ == phase::gathering && now >= gather_end_) {
    phase_ = phase::reading;
    choose_base(now, out);
  }
  for (auto& [who, c] : checks_) {
    if (!c.again_at || now < *c.again_at) continue;
    c.again_at.reset();
    if (const member* m = current_->find(who)) out.emplace_back(view_effect::verify{*m});
  }
  if (phase_ == phase::leading && now >= beat_at_) {
    beat_at_ = now + options_.probe_period;
    out.emplace_back(view_effect::beat{evidence_.beat(now)});
    weigh_wanted_ = true;
  }
  if (phase_ == phase::leading && ready_ && allowed_ &&
      (weigh_wanted_ || now >= evidence_.next_wake()) && now >= weigh_at_)
    weigh(now, out);
  proceed(now, out);
}

void view_leader::weigh(boot_time now, view_effects& out) {
  weigh_wanted_ = false;
  weigh_at_ = now + weigh_pause;
  const auto found = evidence_.judge(now);
  if (found.stand_back) {
    end();
    out.emplace_back(view_effect::stand_back{"this leader hears at most half of its members"});
    return;
  }
  unreached_ = found.unreached;
  silent_.clear();
  for (const auto& r : found.gone) {
    if (r.reason == removal_reason::silent) {
      silent_.insert(r.incarnation);
    } else {
      remove(r.incarnation, r.reason);
    }
  }
  reached_.insert(found.reached.begin(), found.reached.end());
  degraded_ = found.doubtful;
  for (const auto& s : found.refused) {
    const member* m = current_->find(s.subject);
    if (m != nullptr && !removals_.contains(s.subject))
      verify(*m, std::nullopt, s.leader_alone, out);
  }
  if (found.alarm != last_alarm_) {
    last_alarm_ = found.alarm;
    if (!last_alarm_.empty()) out.emplace_back(view_effect::alarm{last_alarm_});
  }
}

void view_leader::verify(const member& who, std::optional<member> joiner, bool twice,
                         view_effects& out) {
  const auto it = checks_.find(who.incarnation);
  if (it != checks_.end()) {
    // Evidence from somebody else arrived while a second refusal was waited for.
    HEDGEROW_PROBE_IF(!twice && it->second.twice, view_second_witness);
    if (!twice) it->second.twice = false;
    if (joiner) it->second.joiner = std::move(joiner);
    return;
  }
  checks_.emplace(who.incarnation, check{std::move(joiner), twice, 0, std::nullopt});
  out.emplace_back(view_effect::verify{who});
}

void view_leader::on_verified(boot_time now, const incarnation& who, verified outcome,
                              view_effects& out) {
  const auto it = checks_.find(who);
  if (!active() || it == checks_.end()) return;
  auto& c = it->second;
  const bool certain = outcome == verified::refused || outcome == verified::other;
  if (certain && c.twice && ++c.refusals < 2) {
    HEDGEROW_PROBE(view_refusal_wanted_twice);
    c.again_at = now + refusal_gap;
    return;
  }
  const check done = std::move(c);
  checks_.erase(it);
  HEDGEROW_PROBE_IF(certain && done.twice, view_refused_twice);
  HEDGEROW_PROBE_IF(outcome == verified::alive && !done.joiner, view_refused_one_lives);
  HEDGEROW_PROBE_IF(outcome == verified::silent && !done.joiner, view_refused_one_is_silent);
  HEDGEROW_PROBE_IF(outcome == verified::other, view_another_answers);
  if (certain) evidence_.on_confirmed(who, removal_reason::crashed);
  const bool silent = outcome == verified::silent && done.joiner;
  if (silent && phase_ == phase::leading) {
    // Others may hear what this node does not; the joiner asks again.
    if (!evidence_.silent_for_all(now, who)) {
      HEDGEROW_PROBE(view_holder_of_name_heard_by_others);
      return;
    }
    given_away_.insert(who);
  }
  resolve(now, who, done, certain || silent, out);
}

// One name, one member: a name is free when its holder is gone or silent (J1).
void view_leader::resolve(boot_time now, const incarnation& who, const check& done, bool gone,
                          view_effects& out) {
  const member* holder = current_ ? current_->find(who) : nullptr;
  const bool ours = done.joiner && done.joiner->incarnation == self_.incarnation;
  if (ours && phase_ == phase::checking_name) {
    if (!gone && holder != nullptr) {
      HEDGEROW_PROBE(view_own_name_taken);
      out.emplace_back(view_effect::name_taken{holder->address});
      return;
    }
    HEDGEROW_PROBE(view_own_name_freed);
    remove(who, removal_reason::replaced);
    name_judged_ = now;
    lead(now, out);
    return;
  }
  if (done.joiner) {
    if (gone || holder == nullptr || HEDGEROW_MUTANT(join_over_living)) {
      HEDGEROW_PROBE(view_name_freed_for_joiner);
      remove(who, removal_reason::replaced);
      admit(*done.joiner, out);
    } else {
      HEDGEROW_PROBE(view_name_in_use);
      out.emplace_back(view_effect::answer_join{
          done.joiner->incarnation, {message::join_status::name_in_use, holder->address}});
    }
  } else if (gone) {
    remove(who, removal_reason::crashed);
  }
  proceed(now, out);
}

// That the holder of a name was silent was true when its name was given away. While the store is
// away it may be heard again: then it keeps the name, and the joiner asks again.
void view_leader::give_names_back(boot_time now) {
  std::erase_if(given_away_, [&](const incarnation& who) {
    const auto wanted = removals_.find(who);
    if (wanted == removals_.end()) return true;
    const member* holder = current_->find(who);
    if (holder == nullptr || wanted->second != removal_reason::replaced ||
        evidence_.silent_for_all(now, who))
      return false;
    HEDGEROW_PROBE(view_holder_of_name_heard_again);
    removals_.erase(wanted);
    std::erase_if(joins_, [&](const member& j) { return j.name == holder->name; });
    return true;
  });
}

void view_leader::admit(const member& who, view_effects& out) {
  std::erase_if(joins_, [&](const member& j) {
    return j.name == who.name && j.incarnation != self_.incarnation;
  });
  joins_.push_back(who);
  joins_.back().state = member_state::joining;
  joins_.back().health = member_health::alive;
  out.emplace_back(
      view_effect::answer_join{who.incarnation, {message::join_status::admitted, self_.address}});
}

// An addition to J1: who advertises loopback is no member beside another machine's, for one of the
// two could never dial the other. Only a member that is heard counts: after a restart of the
// machine the list still holds those of the boot before, until they are removed.
std::optional<message::join_reply> view_leader::objection(boot_time now, const member& who) const {
  const auto against = [&](const member& m) { return m.name != who.name && cut_off(m, who); };
  bool in_doubt = std::any_of(joins_.begin(), joins_.end(), against);
  for (const auto& m : current_->members) {
    if (!against(m)) continue;
    if (m.incarnation == self_.incarnation || evidence_.fresh(now, m.incarnation))
      return message::join_reply{message::join_status::cut_off, m.address};
    in_doubt = true;
  }
  if (!in_doubt) return std::nullopt;
  return message::join_reply{message::join_status::not_leader, self_.address};
}

void view_leader::on_join(boot_time now, const member& who, view_effects& out) {
  if (phase_ != phase::leading || !ready_) {
    out.emplace_back(
        view_effect::answer_join{who.incarnation, {message::join_status::not_leader, {}}});
    return;
  }
  if (current_->find(who.incarnation) != nullptr) {
    // It missed the view that admitted it.
    HEDGEROW_PROBE(view_joiner_told_again);
    out.emplace_back(view_effect::show_view{who.incarnation, current_});
    return;
  }
  if (current_->removal_of(who.incarnation) != nullptr) {
    out.emplace_back(view_effect::show_view{who.incarnation, current_});
    return;
  }
  if (auto no = objection(now, who)) {
    out.emplace_back(view_effect::answer_join{who.incarnation, std::move(*no)});
    return;
  }
  const auto same_name = [&](const member& j) { return j.name == who.name; };
  const auto waiting = std::find_if(joins_.begin(), joins_.end(), same_name);
  const member* holder = current_->find(who.name);
  if (holder != nullptr && holder->incarnation == self_.incarnation) {
    HEDGEROW_PROBE(view_joiner_named_as_leader);
    out.emplace_back(view_effect::answer_join{who.incarnation,
                                              {message::join_status::name_in_use, self_.address}});
  } else if (holder != nullptr && !removals_.contains(holder->incarnation)) {
    verify(*holder, who, false, out);
  } else if (waiting != joins_.end() && waiting->incarnation != who.incarnation) {
    // Two newcomers of one name: the first is in the next view, and can be asked then.
    HEDGEROW_PROBE(view_two_newcomers_of_one_name);
    out.emplace_back(view_effect::answer_join{who.incarnation,
                                              {message::join_status::not_leader, self_.address}});
  } else if (joining() >= limits::joining_max) {
    // It asks again: those before it are let in or turned out within the patience for joiners.
    out.emplace_back(view_effect::answer_join{who.incarnation,
                                              {message::join_status::not_leader, self_.address}});
  } else if (holder == nullptr && current_->members.size() + joins_.size() >= limits::members_max) {
    // It gives up for that; not while somebody is on his way out.
    const auto no =
        removals_.empty() ? message::join_status::full : message::join_status::not_leader;
    out.emplace_back(view_effect::answer_join{who.incarnation, {no, self_.address}});
  } else {
    admit(who, out);
  }
  proceed(now, out);
}

std::size_t view_leader::joining() const {
  const auto& all = current_->members;
  return joins_.size() +
         static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const member& m) {
           return m.state == member_state::joining;
         }));
}

void view_leader::on_leave(boot_time now, const incarnation& who, view_effects& out) {
  if (phase_ != phase::leading || who == self_.incarnation) return;
  std::erase_if(joins_, [&](const member& j) { return j.incarnation == who; });
  HEDGEROW_PROBE_IF(current_->find(who) != nullptr, view_leave_asked);
  if (current_->find(who) != nullptr) leaving_.insert(who);
  proceed(now, out);
}

void view_leader::on_report(boot_time now, const incarnation& who, const message::report& report,
                            view_effects& out) {
  if (phase_ != phase::leading) return;
  evidence_.on_report(now, who, report);
  const member* m = current_->find(who);
  if (m != nullptr && evidence_.fresh(now, who) && cut_off(self_, *m))
    out.emplace_back(view_effect::cut_off{*m});
  weigh_wanted_ = true;
  if (now >= weigh_at_) tick(now, out);
}

void view_leader::on_own_edges(boot_time now, const std::vector<message::edge>& edges, bool usable,
                               view_effects& out) {
  if (phase_ != phase::leading) return;
  evidence_.on_own_edges(edges, usable);
  weigh_wanted_ = true;
  if (now >= weigh_at_) tick(now, out);
}

void view_leader::on_pulled_view(const view_ptr& theirs) {
  if (phase_ == phase::gathering) on_known_view(theirs);
}

void view_leader::on_known_view(const view_ptr& v) {
  HEDGEROW_PROBE_IF(phase_ == phase::gathering && known_ && v->id > known_->id,
                    view_member_knows_more);
  if (!known_ || v->id > known_->id) known_ = v;
}

void view_leader::on_pause(boot_time now) {
  if (active()) evidence_.on_pause(now);
}

}  // namespace hedgerow::core
