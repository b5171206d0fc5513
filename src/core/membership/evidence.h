#pragma once
// What a leader knows against its members: reports, their freshness, and how long a verdict has
// stood (C1 to C5). Decides nothing but who should go; `view_leader` makes views of it.
//
// Pure. Reports are state: each replaces the one before of the same observer.

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <hedgerow/member.h>

#include "core/membership/options.h"
#include "core/membership/rings.h"
#include "core/membership/verdict.h"
#include "model/message.h"

namespace hedgerow::core {

class evidence {
 public:
  evidence(membership_options options, const incarnation& self) : options_(options), self_(self) {}

  // A tenure begins: what was known is void, everybody gets time to be heard of. A leader that was
  // elected again right after it had stood back may condemn a majority (C5).
  void begin(boot_time now, bool may_condemn);
  // Who is judged from now on; the clocks of those that stay go on.
  void watch(boot_time now, const view_ptr& members);
  // The leader begins to act, or may act again: until now nobody owed it a word, so everybody gets
  // time to be heard of. What was heard stays.
  void restart(boot_time now);
  // The number of a beat that is sent now, and whom each member should watch beside its subjects.
  std::uint64_t beat(boot_time now);
  std::vector<incarnation> extra_subjects_of(const incarnation& helper) const;
  void on_report(boot_time now, const incarnation& observer, const message::report& report);
  // The leader's own edges. `usable` is false while it is quiet after a pause of its own (D3).
  void on_own_edges(const std::vector<message::edge>& edges, bool usable);
  void on_pause(boot_time now);
  // Its address refused the leader's own confirmation: certain from now on.
  void on_confirmed(const incarnation& subject, removal_reason reason);

  struct suspicion {
    incarnation subject;
    // The leader is its only observer, or the only one that was refused: ask twice.
    bool leader_alone = false;
  };
  struct findings {
    std::vector<suspicion> refused;   // to be confirmed by a connect of the leader's own
    std::vector<removal> gone;        // certain, or condemned and held long enough
    std::set<incarnation> doubtful;   // to be marked degraded
    std::set<incarnation> reached;    // joiners that their observers reach (J1)
    std::set<incarnation> unreached;  // joiners that ran out of time (J1)
    bool stand_back = false;          // C5
    std::string alarm;                // C4: not empty while a cut is held; for the log
  };
  findings judge(boot_time now);
  // When time alone may change the findings.
  boot_time next_wake() const;

  // Whether a word of it was heard within the silence limit, or it is too new to say.
  bool heard(boot_time now, const incarnation& who) const;
  bool silent_for_all(boot_time now, const incarnation& who) const;
  // Silence only, for `not heard from in any way`.
  bool fresh(boot_time now, const incarnation& who) const;

 private:
  struct record {
    boot_time since;   // in the view, or of the last pause
    boot_time echoed;  // when the newest beat that it echoed was sent; 0: none
    std::vector<message::edge> edges;
    std::optional<removal_reason> confirmed;
    std::optional<boot_time> doubtful_since;
    std::vector<incarnation> helpers;
  };

  boot_time grace_end(const record& r) const;
  bool own_link_stale(boot_time now, const record& r) const;
  message::edge_state state_of(const incarnation& observer, const incarnation& subject) const;
  verdict_question question(boot_time now) const;
  void find_certain(boot_time now, findings& found);
  void find_joiners(boot_time now, findings& found) const;
  void find_silent(boot_time now, findings& found);
  void find_doubtful(boot_time now, const std::vector<std::uint32_t>& doubtful, findings& found);
  void choose_helpers(boot_time now, std::uint32_t subject, record& r);
  // Of whom C5 counts how many this leader hears.
  static bool has_voice(const member& m);
  bool hears_most(boot_time now) const;
  bool in_minority(boot_time now, const findings& found) const;
  std::size_t guard_room(boot_time now);

  membership_options options_;
  incarnation self_;
  bool may_condemn_ = false;
  bool own_usable_ = true;
  view_ptr view_;
  std::optional<rings> rings_;
  std::map<incarnation, record> records_;
  std::uint64_t nonce_ = 0;
  std::array<boot_time, 16> beat_sent_{};
  std::set<incarnation> condemned_;
  boot_time condemned_first_;
  boot_time condemned_changed_;
  bool settled_ = false;                    // the verdict stands, or the guard holds it (C4)
  std::vector<boot_time> silent_removals_;  // within the guard's window (C4)
};

}  // namespace hedgerow::core
