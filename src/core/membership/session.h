#pragma once
// This node's own membership: joining, the views it has accepted, eviction and return, leaving.
//
// Pure. Accepts only greater views (S2); who finds itself absent from one stops under that
// incarnation (S5) and comes back with a new one: at once, then after 1, 2, 4 ... 30 s.

#include <string>
#include <variant>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/member.h>

#include "core/membership/options.h"
#include "model/message.h"

namespace hedgerow::core {

namespace session_effect {

// Ask the leader, wherever it is known to be.
struct join {};
// Ask the leader for its view: it leads under a later token than the view that this node has, and
// may not know of this node at all.
struct pull {};
struct changed {
  view_change change;
};
struct entered {
  member self;
};
// Followed by a call of `reincarnate`.
struct evicted {
  removal_reason reason = removal_reason::silent;
};
struct failed {
  error why;
};
// S2: two views of one id. Somebody's fault is ours: said loudly, nothing is accepted.
struct conflict {
  view_id id;
};
using any = std::variant<join, pull, changed, entered, evicted, failed, conflict>;

}  // namespace session_effect

using session_effects = std::vector<session_effect::any>;

// From one view to another, with the reasons that `next` knows.
view_change compare(const hedgerow::view& before, const view_ptr& next);

class session {
 public:
  session(membership_options options, const member& self)
      : options_(options), self_(self), view_(std::make_shared<const view>()) {}

  // `leader` is the token of the leader that is known; 0 is none.
  void tick(boot_time now, fencing_token leader, session_effects& out);
  void accept(boot_time now, const view_ptr& offered, session_effects& out);
  // The rows of the group, not a view that was published, say that it has removed this node.
  void expel(removal_reason reason, session_effects& out);
  // The leader speaks to this node, so it counts it as a member.
  void on_beat(boot_time now) { pull_at_ = now + options_.silence(); }
  void on_join_reply(boot_time now, const message::join_reply& reply, session_effects& out);
  // A new life. Views that were seen stay seen.
  void reincarnate(boot_time now, const incarnation& fresh);
  void leave() { leaving_ = true; }
  // A failure that no patience cures: no more attempts.
  void give_up() { mute_ = true; }

  const view_ptr& current() const { return view_; }
  boot_time view_since() const { return view_since_; }
  bool inside() const { return inside_; }
  // In a view at some time, under whatever incarnation.
  bool was_member() const { return was_member_; }
  const member& self() const { return self_; }
  boot_time next_wake(fencing_token leader) const;

 private:
  membership_options options_;
  member self_;
  view_ptr view_;
  boot_time view_since_;
  bool inside_ = false;
  bool leaving_ = false;
  bool mute_ = false;
  bool was_member_ = false;
  boot_time join_at_;
  boot_time pull_at_;  // when no beat has come by then: it may have gone on without this node
  boot_time entered_at_;
  nanoseconds rejoin_delay_{};
};

}  // namespace hedgerow::core
