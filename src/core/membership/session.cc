#include "core/membership/session.h"

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"
#include "model/loopback.h"

namespace hedgerow::core {
namespace {

// In the view this long, and earlier evictions are forgiven.
constexpr nanoseconds forgiven_after = seconds{60};

}  // namespace

void session::tick(boot_time now, fencing_token leader, session_effects& out) {
  if (leaving_ || mute_ || leader == 0) return;
  if (inside_ && now >= pull_at_) {
    HEDGEROW_PROBE(session_hears_no_beat);
    pull_at_ = now + options_.silence();
    out.emplace_back(session_effect::pull{});
  }
  if (inside_ || now < join_at_) return;
  join_at_ = now + options_.join_retry;
  out.emplace_back(session_effect::join{});
}

view_change compare(const view& before, const view_ptr& next) {
  view_change change{next, {}, {}};
  for (const auto& m : next->members) {
    if (before.find(m.incarnation) == nullptr) change.added.push_back(m);
  }
  for (const auto& m : before.members) {
    if (next->find(m.incarnation) != nullptr) continue;
    const removal* known = next->removal_of(m.incarnation);
    const auto reason = known == nullptr ? removal_reason::silent : known->reason;
    change.removed.push_back({m.name, m.incarnation, reason});
  }
  return change;
}

void session::accept(boot_time now, const view_ptr& offered, session_effects& out) {
  if (offered->id == view_->id && !(*offered == *view_))
    out.emplace_back(session_effect::conflict{offered->id});
  if (offered->id == view_->id) return;
  HEDGEROW_PROBE_IF(offered->id < view_->id, session_older_view);
  if (offered->id < view_->id && !HEDGEROW_MUTANT(accept_older_view)) return;
  auto change = compare(*view_, offered);
  view_ = offered;
  view_since_ = now;
  const bool was_inside = inside_;
  const member* me = view_->find(self_.incarnation);
  inside_ = me != nullptr;
  if (inside_) self_ = *me;
  // A joiner may have been let in, and out again, before it heard of either.
  const removal* gone = inside_ ? nullptr : view_->removal_of(self_.incarnation);
  const bool turned_out = (was_inside && !inside_) || gone != nullptr;
  const auto reason = gone == nullptr ? removal_reason::silent : gone->reason;
  out.emplace_back(session_effect::changed{std::move(change)});
  if (inside_ && !was_inside) {
    entered_at_ = now;
    pull_at_ = now + options_.silence();
    HEDGEROW_PROBE_IF(was_member_ && entered_at_.ns != 0, session_entered_again);
    // The first eviction is forgiven at once.
    if (!was_member_) rejoin_delay_ = {};
    was_member_ = true;
    out.emplace_back(session_effect::entered{self_});
  } else if (turned_out && !leaving_) {
    HEDGEROW_PROBE_IF(reason == removal_reason::silent, session_evicted_as_silent);
    HEDGEROW_PROBE_IF(reason == removal_reason::replaced, session_evicted_as_replaced);
    out.emplace_back(session_effect::evicted{reason});
  }
}

void session::expel(removal_reason reason, session_effects& out) {
  inside_ = false;
  if (!leaving_) out.emplace_back(session_effect::evicted{reason});
}

void session::on_join_reply(boot_time now, const message::join_reply& reply, session_effects& out) {
  if (inside_ || leaving_) return;
  switch (reply.status) {
    case message::join_status::admitted:
      // The view that says so is on its way.
      join_at_ = now + 4 * options_.join_retry;
      break;
    case message::join_status::not_leader:
      HEDGEROW_PROBE(session_asked_one_that_does_not_lead);
      join_at_ = std::min(join_at_, now + options_.join_retry / 5);
      break;
    case message::join_status::name_in_use:
      // After an eviction the other one has taken our place: wait for it to go.
      if (was_member_) {
        HEDGEROW_PROBE(session_place_taken_after_eviction);
        join_at_ = now + options_.rejoin_delay_max;
        break;
      }
      HEDGEROW_PROBE(session_name_in_use);
      mute_ = true;
      out.emplace_back(session_effect::failed{
          error{errc::name_in_use, "name in use by " + reply.address + ": the member '" +
                                       self_.name + "' is alive; choose another name"}});
      break;
    case message::join_status::full:
      mute_ = true;
      out.emplace_back(session_effect::failed{
          error{errc::overloaded, "the group has no room for more members"}});
      break;
    case message::join_status::cut_off:
      mute_ = true;
      out.emplace_back(session_effect::failed{
          error{errc::invalid_argument,
                why_cut_off(self_.address, "a member of this group", reply.address)}});
      break;
  }
}

void session::reincarnate(boot_time now, const incarnation& fresh) {
  self_.incarnation = fresh;
  self_.state = member_state::joining;
  self_.health = member_health::alive;
  HEDGEROW_PROBE_IF(rejoin_delay_ > nanoseconds{0} && now - entered_at_ > forgiven_after,
                    session_forgiven);
  HEDGEROW_PROBE_IF(rejoin_delay_ > nanoseconds{0} && now - entered_at_ <= forgiven_after,
                    session_rejoins_later);
  if (now - entered_at_ > forgiven_after) rejoin_delay_ = {};
  join_at_ = now + rejoin_delay_;
  rejoin_delay_ = std::clamp<nanoseconds>(2 * rejoin_delay_, seconds{1}, options_.rejoin_delay_max);
}

boot_time session::next_wake(fencing_token leader) const {
  if (leaving_ || mute_ || leader == 0) return boot_time::never();
  return inside_ ? pull_at_ : join_at_;
}

}  // namespace hedgerow::core
