#include "core/membership/view_leader.h"

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"
#include "model/limits.h"

namespace hedgerow::core {
namespace {

using ports::store_outcome;
using ports::view_action;

constexpr nanoseconds store_retry = milliseconds{50};

view_ptr as_view(const ports::view_row& row) {
  return std::make_shared<const view>(view{row.list_id(), row.members, row.removed});
}

}  // namespace

void view_leader::begin(boot_time now, fencing_token token, const member& self,
                        const view_ptr& known, bool may_condemn, view_effects& out) {
  end();
  token_ = token;
  self_ = self;
  self_.state = member_state::up;
  self_.health = member_health::alive;
  known_ = known;
  evidence_ = evidence(options_, self.incarnation);
  evidence_.begin(now, may_condemn);
  beat_at_ = now;
  retry_at_ = now;
  weigh_at_ = now;
  proceed(now, out);
}

void view_leader::allow(boot_time now, bool may_act) {
  if (!active() || may_act == allowed_ || HEDGEROW_MUTANT(decide_without_lease)) return;
  allowed_ = may_act;
  if (!may_act) return;
  HEDGEROW_PROBE(view_may_act_again);
  evidence_.restart(now);
  judge_anew();
}

void view_leader::judge_anew() {
  silent_.clear();
  unreached_.clear();
  weigh_wanted_ = true;
}

void view_leader::end() {
  token_ = 0;
  phase_ = phase::reading;
  ready_ = false;
  allowed_ = true;
  current_.reset();
  known_.reset();
  row_id_.reset();
  attempted_ = 0;
  unsure_.reset();
  row_view_.reset();
  pending_.reset();
  removals_.clear();
  given_away_.clear();
  leaving_.clear();
  joins_.clear();
  reached_.clear();
  silent_.clear();
  unreached_.clear();
  degraded_.clear();
  checks_.clear();
  weigh_wanted_ = false;
}

void view_leader::submit(boot_time now, ports::view_request request, view_effects& out) {
  pending_ = pending{++last_id_, request.action, now + store_patience_, {}};
  out.emplace_back(view_effect::submit{last_id_, std::move(request), store_patience_});
}

// The next statement, if one is due and none is in flight.
void view_leader::proceed(boot_time now, view_effects& out) {
  HEDGEROW_PROBE_IF(active() && !allowed_, view_waits_for_lease);
  if (!active() || !allowed_ || pending_ || now < retry_at_) return;
  if (!row_id_) {
    submit(now, {.action = view_action::read}, out);
    return;
  }
  if (row_id_->token > token_) {
    HEDGEROW_PROBE(view_deposed_by_row);
    const fencing_token by = row_id_->token;
    end();
    out.emplace_back(view_effect::deposed{by});
    return;
  }
  if (row_id_->token < token_ || (row_view_ == nullptr && phase_ == phase::reading)) {
    HEDGEROW_PROBE_IF(phase_ == phase::leading && ready_, view_claims_anew);
    ports::view_request claim{.action = view_action::claim};
    claim.row.id.token = token_;
    submit(now, std::move(claim), out);
    return;
  }
  if (phase_ == phase::reading) {
    choose_base(now, out);
  } else if (phase_ == phase::leading && !name_judged_anew(now, out)) {
    commit(now, out);
  }
}

// That whoever holds this node's name is silent was true when it was asked. A store that is away
// for a while makes that old.
bool view_leader::name_judged_anew(boot_time now, view_effects& out) {
  const member* holder = ready_ ? nullptr : current_->find(self_.name);
  if (holder == nullptr || now - name_judged_ <= options_.silence()) return false;
  const auto it = removals_.find(holder->incarnation);
  if (it == removals_.end() || it->second != removal_reason::replaced) return false;
  HEDGEROW_PROBE(view_own_name_judged_anew);
  removals_.erase(it);
  phase_ = phase::checking_name;
  verify(*holder, self_, false, out);
  return true;
}

void view_leader::on_reply(boot_time now, ports::request_id id, const ports::view_reply& reply,
                           view_effects& out) {
  if (!pending_ || id != pending_->id) return;
  const pending done = std::move(*pending_);
  pending_.reset();
  if (done.next && reply.outcome == store_outcome::unknown &&
      HEDGEROW_MUTANT(unknown_commit_counts)) {
    row_id_ = done.next->id;
    current_ = done.next;
    committed(now, out);
    return;
  }
  if (reply.outcome != store_outcome::done) {
    // Read before deciding anything: the statement may have been executed, or may yet be.
    HEDGEROW_PROBE_IF(reply.outcome == store_outcome::unknown && done.next, view_commit_unknown);
    HEDGEROW_PROBE_IF(reply.outcome == store_outcome::unknown && done.action == view_action::claim,
                      view_claim_unknown);
    row_id_.reset();
    retry_at_ = now + store_retry;
    if (done.next) unsure_ = done.next;
    return;
  }
  epoch_ = reply.epoch;
  if (done.action == view_action::commit && reply.applied) {
    row_id_ = done.next->id;
    current_ = done.next;
    committed(now, out);
    return;
  }
  HEDGEROW_PROBE_IF(done.next, view_commit_refused);
  HEDGEROW_PROBE_IF(done.action == view_action::claim && !reply.applied, view_claim_refused);
  on_row(now, reply.row, out);
}

// What the row says after a read, a claim, or a commit that did not apply.
void view_leader::on_row(boot_time now, const std::optional<ports::view_row>& row,
                         view_effects& out) {
  if (!row) {
    // No row: the claim creates it.
    HEDGEROW_PROBE_IF(phase_ == phase::reading && !row_view_, view_row_missing);
    HEDGEROW_PROBE_IF(phase_ != phase::reading, view_row_vanished);
    row_id_ = view_id{};
    if (phase_ == phase::reading) {
      if (row_view_) on_known_view(row_view_);
      row_view_ = std::make_shared<const view>();
      row_epoch_.clear();
    }
    proceed(now, out);
    return;
  }
  row_id_ = row->id;
  // Also where this tenure has claimed the row meanwhile.
  if (phase_ == phase::leading && !ready_ && row->list_id().token != token_ &&
      row->list_id() > current_->id)
    begin_anew();
  if (phase_ == phase::reading) {
    // A row that a claim has made, and whose tenure then committed nothing, is as good as none: it
    // says nothing of the views before, which may have been lost, whatever its token and epoch.
    const bool blank = row->id.sequence == 0;
    auto seen = blank ? std::make_shared<const view>() : as_view(*row);
    // The store may lose what it has shown: then that is what this node knows.
    HEDGEROW_PROBE_IF(row_view_ && row_view_->id > seen->id, view_row_went_back);
    if (row_view_ && row_view_->id > seen->id) on_known_view(row_view_);
    row_epoch_ = blank ? std::string{} : row->epoch;
    row_view_ = seen;
  } else if (unsure_ && row->id == unsure_->id && row->members == unsure_->members) {
    // The commit whose answer was lost has happened. The id alone does not say so: a claim of a row
    // that the store had rolled back gives this tenure's token to a list of somebody else.
    HEDGEROW_PROBE(view_unknown_commit_happened);
    current_ = std::move(unsure_);
    committed(now, out);
    return;
  }
  HEDGEROW_PROBE_IF(unsure_ && row->id < unsure_->id, view_unknown_commit_did_not);
  HEDGEROW_PROBE_IF(unsure_ && row->id == unsure_->id, view_number_on_another_list);
  proceed(now, out);
}

// The store shows a later view than the one that this tenure wanted to begin from: it had lost
// that, and a second failover to a copy that had not has brought it back.
void view_leader::begin_anew() {
  phase_ = phase::reading;
  on_known_view(current_);
  current_.reset();
  row_view_.reset();
  checks_.clear();
}

std::optional<removal_reason> view_leader::expelled() const {
  if (current_->find(self_.incarnation) != nullptr || HEDGEROW_MUTANT(lead_though_removed))
    return {};
  if (const removal* gone = current_->removal_of(self_.incarnation)) return gone->reason;
  // Long ago, then: the view has forgotten the reason.
  const bool was_member = known_ && known_->find(self_.incarnation) != nullptr;
  return was_member ? std::optional(removal_reason::silent) : std::nullopt;
}

// S3: a new leader starts from the last committed view. If the store may have lost that, then from
// the greatest among the store's and those of the members that it reaches.
void view_leader::choose_base(boot_time now, view_effects& out) {
  const bool may_be_old = row_epoch_ != epoch_ && !HEDGEROW_MUTANT(base_unasked);
  if (may_be_old && current_ == nullptr) {
    std::vector<member> ask;
    for (const auto& v : {row_view_, known_}) {
      if (!v) continue;
      for (const auto& m : v->members) {
        if (m.incarnation != self_.incarnation) ask.push_back(m);
      }
    }
    current_ = row_view_;
    if (!ask.empty()) {
      HEDGEROW_PROBE(view_members_asked);
      phase_ = phase::gathering;
      gather_end_ = now + options_.silence();
      out.emplace_back(view_effect::pull_views{std::move(ask)});
      return;
    }
  }
  current_ = row_view_;
  const bool newer = known_ && known_->id > row_view_->id && !known_->members.empty();
  HEDGEROW_PROBE_IF(newer, view_base_newer_than_row);
  if (newer) current_ = known_;
  if (HEDGEROW_MUTANT(forget_members)) current_ = std::make_shared<const view>();
  if (const auto why = expelled()) {
    end();
    out.emplace_back(view_effect::expelled{*why});
    return;
  }
  const member* holder = current_->find(self_.name);
  if (holder != nullptr && holder->incarnation != self_.incarnation) {
    HEDGEROW_PROBE(view_own_name_checked);
    phase_ = phase::checking_name;
    verify(*holder, self_, false, out);
    return;
  }
  lead(now, out);
}

void view_leader::lead(boot_time now, view_effects& out) {
  phase_ = phase::leading;
  row_view_.reset();
  const bool joins = std::any_of(joins_.begin(), joins_.end(), [&](const member& m) {
    return m.incarnation == self_.incarnation;
  });
  if (!joins && current_->find(self_.incarnation) == nullptr) joins_.insert(joins_.begin(), self_);
  evidence_.watch(now, current_);
  proceed(now, out);
}

// The present view with everything that is wanted done to it.
view view_leader::decide(std::vector<removal>& removed) const {
  view next{{token_, 0}, {}, current_->removed};
  for (const auto& m : current_->members) {
    const auto it = removals_.find(m.incarnation);
    // Whoever was let in meanwhile is judged as a member, not as a joiner that nobody reached.
    const bool unreached = m.state == member_state::joining && unreached_.contains(m.incarnation) &&
                           !reached_.contains(m.incarnation);
    const bool silent = unreached || silent_.contains(m.incarnation);
    if (it != removals_.end() || silent) {
      const auto why = it != removals_.end() ? it->second : removal_reason::silent;
      HEDGEROW_PROBE_IF(unreached, view_joiner_turned_out);
      HEDGEROW_PROBE_IF(why == removal_reason::silent && !unreached, view_silent_removed);
      removed.push_back({m.name, m.incarnation, why});
      continue;
    }
    auto& kept = next.members.emplace_back(m);
    if (leaving_.contains(m.incarnation)) kept.state = member_state::leaving;
    if (kept.state == member_state::joining &&
        (reached_.contains(m.incarnation) || m.incarnation == self_.incarnation))
      kept.state = member_state::up;
    kept.health =
        degraded_.contains(m.incarnation) ? member_health::degraded : member_health::alive;
  }
  for (const auto& j : joins_) {
    if (next.find(j.incarnation) == nullptr && next.find(j.name) == nullptr)
      next.members.push_back(j);
  }
  next.removed.insert(next.removed.end(), removed.begin(), removed.end());
  if (next.removed.size() > limits::removed_kept_max) {
    const auto extra = next.removed.size() - limits::removed_kept_max;
    next.removed.erase(next.removed.begin(),
                       next.removed.begin() + static_cast<std::ptrdiff_t>(extra));
  }
  return next;
}

void view_leader::commit(boot_time now, view_effects& out) {
  give_names_back(now);
  std::vector<removal> removed;
  view next = decide(removed);
  if (ready_ && next.members == current_->members && *row_id_ == current_->id) return;
  // The row may be behind (a store that lost commits) or ahead (a row that was claimed).
  // An attempt whose outcome was lost keeps its number: no number is used for two lists.
  HEDGEROW_PROBE_IF(ready_ && row_id_->sequence < current_->id.sequence, view_row_healed);
  HEDGEROW_PROBE_IF(attempted_ > std::max(row_id_->sequence, current_->id.sequence),
                    view_number_not_used_twice);
  attempted_ = std::max({row_id_->sequence, current_->id.sequence, attempted_}) + 1;
  next.id.sequence = attempted_;
  ports::view_request request{.action = view_action::commit, .expected = *row_id_};
  request.row = {next.id, epoch_, next.members, next.removed};
  const auto shared = std::make_shared<const view>(std::move(next));
  submit(now, std::move(request), out);
  pending_->next = shared;
  if (HEDGEROW_MUTANT(publish_uncommitted))
    out.emplace_back(view_effect::publish{shared, std::move(removed)});
}

// `current_` is in the store now.
void view_leader::committed(boot_time now, view_effects& out) {
  if (!ready_) evidence_.restart(now);
  // Who is silent in the view before may be the half of this one.
  judge_anew();
  ready_ = true;
  unsure_.reset();
  std::erase_if(removals_, [&](const auto& r) { return current_->find(r.first) == nullptr; });
  std::erase_if(joins_, [&](const member& j) { return current_->find(j.incarnation) != nullptr; });
  std::erase_if(reached_, [&](const auto& who) {
    const member* m = current_->find(who);
    return m == nullptr || m->state != member_state::joining;
  });
  for (const auto& m : current_->members) {
    // Everybody has seen it leave; the next view is without it (J2).
    if (m.state == member_state::leaving) removals_.emplace(m.incarnation, removal_reason::left);
  }
  std::erase_if(leaving_, [&](const auto& who) { return current_->find(who) == nullptr; });
  std::erase_if(checks_, [&](const auto& c) { return current_->find(c.first) == nullptr; });
  evidence_.watch(now, current_);
  beat_at_ = now;
  // Who was removed with this step: those at the end of the list that the view does not hold.
  out.emplace_back(view_effect::publish{current_, current_->removed});
  proceed(now, out);
}

void view_leader::remove(const incarnation& who, removal_reason reason) {
  if (who != self_.incarnation) removals_.emplace(who, reason);
}

boot_time view_leader::next_wake() const {
  if (!active()) return boot_time::never();
  boot_time at = pending_ ? pending_->deadline : boot_time::never();
  const auto sooner = [&](boot_time t) { at = std::min(at, t); };
  // There is always a next statement until this tenure leads and knows the row.
  if (!pending_ && allowed_ && (phase_ == phase::reading || !row_id_)) sooner(retry_at_);
  if (phase_ == phase::gathering) sooner(gather_end_);
  if (phase_ == phase::leading) {
    sooner(beat_at_);
    if (ready_ && allowed_) {
      if (weigh_wanted_) sooner(weigh_at_);
      sooner(std::max(weigh_at_, evidence_.next_wake()));
    }
  }
  for (const auto& [who, c] : checks_) {
    if (c.again_at) sooner(*c.again_at);
  }
  return at;
}

}  // namespace hedgerow::core
