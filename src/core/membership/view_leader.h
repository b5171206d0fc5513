#pragma once
// The views of one tenure: claims the view row, decides each next view, commits it, and only then
// has it published (DESIGN 5, S3, S6).
//
// Pure. One statement is in flight at a time; what arrives meanwhile is the next view. An unknown
// outcome is read before it is decided. Joins, leaves and certain removals never wait for a
// doubtful member (C2).

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <hedgerow/member.h>

#include "base/probe.h"
#include "core/membership/evidence.h"
#include "core/membership/options.h"
#include "model/message.h"
#include "ports/store.h"

namespace hedgerow::core {

namespace view_effect {

struct submit {
  ports::request_id id = 0;
  ports::view_request request;
  nanoseconds patience{};
};
// Committed. To be sent to all members and to those removed, if R1 still holds.
struct publish {
  view_ptr view;
  std::vector<removal> removed;  // by this step
};
// Connect anew to this member and tell `on_verified` who answers. One at a time per member.
struct verify {
  member who;
};
struct answer_join {
  hedgerow::incarnation joiner;
  message::join_reply reply;
};
// Who asks to join is in this view already, or removed by it (S5). On his own connection: there may
// be no other, and the members have it.
struct show_view {
  hedgerow::incarnation joiner;
  view_ptr view;
};
// The node's own name is held by another live process.
struct name_taken {
  std::string address;
};
// A member that is heard is cut off from this node, whose address nobody else can dial (J1).
struct cut_off {
  member from;
};
// Time for a beat to every member (D4).
struct beat {
  std::uint64_t nonce = 0;
};
// Ask these for their views: the store may have lost the newest one.
struct pull_views {
  std::vector<member> from;
};
struct stand_back {
  std::string why;
};
// The row has a later token: this tenure is over.
struct deposed {
  fencing_token by = 0;
};
// The newest view shows that the group took this node for dead before its tenure, which is over, as
// this life of the node is (S5): under its old incarnation it would come back from the dead.
struct expelled {
  removal_reason reason = removal_reason::silent;
};
struct alarm {
  std::string text;
};
using any = std::variant<submit, publish, verify, answer_join, show_view, name_taken, cut_off, beat,
                         pull_views, stand_back, deposed, expelled, alarm>;

}  // namespace view_effect

using view_effects = std::vector<view_effect::any>;

enum class verified : std::uint8_t { alive, refused, other, silent };

class view_leader {
 public:
  view_leader(membership_options options, nanoseconds store_patience)
      : options_(options), store_patience_(store_patience), evidence_(options, {}) {}

  // A tenure begins under `token`. `known` is the newest view that this node has seen.
  void begin(boot_time now, fencing_token token, const member& self, const view_ptr& known,
             bool may_condemn, view_effects& out);
  // The tenure is over; replies that are still to come are ignored.
  void end();
  bool active() const { return token_ != 0; }
  // Whether R1 holds. Without it nothing is decided or committed: another may lead already, and who
  // follows it has nothing to say to this one.
  void allow(boot_time now, bool may_act);
  // A view under this token is committed: the leader may act.
  bool ready() const { return ready_; }
  fencing_token token() const { return token_; }
  // It waits for views that the store may have lost: whoever is reached now is to be asked, too.
  bool gathering() const { return active() && phase_ == phase::gathering; }
  // The newest that is committed. Requires: ready().
  const view_ptr& current() const { return current_; }
  // The store's epoch changed and the lease was kept (F12).
  void on_epoch(const std::string& epoch) {
    // The row may be an older one now: look before the next commit.
    HEDGEROW_PROBE_IF(epoch != epoch_ && ready_, view_epoch_moved);
    if (epoch != epoch_ && ready_) row_id_.reset();
    epoch_ = epoch;
  }

  void tick(boot_time now, view_effects& out);
  void on_reply(boot_time now, ports::request_id id, const ports::view_reply& reply,
                view_effects& out);
  void on_join(boot_time now, const member& who, view_effects& out);
  void on_leave(boot_time now, const incarnation& who, view_effects& out);
  void on_report(boot_time now, const incarnation& who, const message::report& report,
                 view_effects& out);
  void on_own_edges(boot_time now, const std::vector<message::edge>& edges, bool usable,
                    view_effects& out);
  void on_verified(boot_time now, const incarnation& who, verified outcome, view_effects& out);
  void on_pulled_view(const view_ptr& theirs);
  void on_pause(boot_time now);

  std::vector<incarnation> extra_subjects_of(const incarnation& helper) const {
    return evidence_.extra_subjects_of(helper);
  }
  boot_time next_wake() const;

 private:
  enum class phase : std::uint8_t { reading, gathering, checking_name, leading };
  struct pending {
    ports::request_id id = 0;
    ports::view_action action = ports::view_action::read;
    boot_time deadline;
    view_ptr next;  // commit: what is being committed
  };
  struct check {
    std::optional<member> joiner;  // who wants the name of the checked member
    bool twice = false;            // the leader is alone with its refusal
    int refusals = 0;
    std::optional<boot_time> again_at;
  };

  void submit(boot_time now, ports::view_request request, view_effects& out);
  void proceed(boot_time now, view_effects& out);
  void on_known_view(const view_ptr& v);
  void on_row(boot_time now, const std::optional<ports::view_row>& row, view_effects& out);
  void begin_anew();
  // Why the base has this node no more; nothing if it has, or never had.
  std::optional<removal_reason> expelled() const;
  void choose_base(boot_time now, view_effects& out);
  void lead(boot_time now, view_effects& out);
  void weigh(boot_time now, view_effects& out);
  // What the newest judgement said of silence no longer holds; the next one is wanted soon.
  void judge_anew();
  void verify(const member& who, std::optional<member> joiner, bool twice, view_effects& out);
  void resolve(boot_time now, const incarnation& who, const check& done, bool gone,
               view_effects& out);
  std::optional<message::join_reply> objection(boot_time now, const member& who) const;
  std::size_t joining() const;
  void give_names_back(boot_time now);
  void admit(const member& who, view_effects& out);
  void remove(const incarnation& who, removal_reason reason);
  view decide(std::vector<removal>& removed) const;
  bool name_judged_anew(boot_time now, view_effects& out);
  void commit(boot_time now, view_effects& out);
  void committed(boot_time now, view_effects& out);

  membership_options options_;
  nanoseconds store_patience_;
  evidence evidence_;

  fencing_token token_ = 0;
  member self_;
  std::string epoch_;  // the store's, as the last statement that was answered saw it
  phase phase_ = phase::reading;
  bool ready_ = false;
  bool allowed_ = true;
  view_ptr current_;               // committed under this token, or the base of the first
  view_ptr known_;                 // the newest view heard of, wherever from
  std::optional<view_id> row_id_;  // of the store's row; unknown after an unknown outcome
  std::uint64_t attempted_ = 0;    // the greatest sequence that was asked for
  view_ptr unsure_;                // the newest commit whose outcome was lost
  std::string row_epoch_;
  view_ptr row_view_;
  boot_time gather_end_;

  std::optional<pending> pending_;
  ports::request_id last_id_ = 0;
  boot_time retry_at_;

  std::map<incarnation, removal_reason> removals_;  // wanted in the next view
  std::set<incarnation> given_away_;  // of those, whose names joiners get because they were silent
  boot_time name_judged_;             // when the holder of this node's name was last found gone
  std::set<incarnation> leaving_;
  std::vector<member> joins_;
  std::set<incarnation> reached_;
  // As of the newest judgement: whoever is heard again is not removed.
  std::set<incarnation> silent_;
  std::set<incarnation> unreached_;
  std::set<incarnation> degraded_;
  std::map<incarnation, check> checks_;
  boot_time beat_at_;
  boot_time weigh_at_;
  bool weigh_wanted_ = false;
  std::string last_alarm_;
};

}  // namespace hedgerow::core
