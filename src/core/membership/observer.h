#pragma once
// What this node knows of the members that it watches (D1 to D3): one edge each.
//
// Pure. A probe goes to every subject each period, over the connection that carries the
// application's traffic. Three missed in a row, or four of the last ten, are silence; ten clean
// ones end it. Certain evidence (refused, left) stays until the subject answers again or leaves the
// view.

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <hedgerow/member.h>

#include "core/membership/options.h"
#include "model/message.h"

namespace hedgerow::core {

class observer {
 public:
  explicit observer(membership_options options) : options_(options) {}

  // The edges from now on. Those that stay keep their windows (D1).
  void watch(const std::vector<incarnation>& subjects);
  // Subjects to probe now, when a period is over or an edge is new.
  struct probe_order {
    incarnation subject;
    std::uint64_t nonce = 0;
  };
  std::vector<probe_order> tick(boot_time now);

  // A connection to this subject is new: it may be asked at once, beside its period.
  std::optional<probe_order> ask(const incarnation& subject);
  void on_ack(const incarnation& subject, std::uint64_t nonce);
  // An answer of the application's proves the same as an ack (D2).
  void on_answer(const incarnation& subject);
  // Certain: nobody, or somebody else, listens at the subject's address.
  void on_refused(const incarnation& subject);
  void on_left(const incarnation& subject);
  // D3: this process stood still; what it has not heard meanwhile proves nothing.
  void on_pause(boot_time now);

  // In the order of incarnations. All unknown for one window after a pause.
  std::vector<message::edge> edges(boot_time now) const;
  bool quiet(boot_time now) const { return now < quiet_until_; }
  // True once after a change that the leader should hear of at once (D4).
  bool take_changed() { return std::exchange(changed_, false); }
  boot_time next_wake() const {
    if (edges_.empty()) return boot_time::never();
    return new_edges_ ? boot_time{} : due_;
  }

 private:
  struct edge {
    message::edge_state state = message::edge_state::unknown;
    std::uint64_t nonce = 0;  // of the newest probe; 0 before the first
    bool answered = true;
    int missed = 0;            // in a row
    int clean = 0;             // in a row
    std::uint32_t window = 0;  // a bit per probe, 1 is a miss
  };

  probe_order order(const incarnation& subject, edge& e);
  void record(edge& e, bool success);
  void set(edge& e, message::edge_state state);

  membership_options options_;
  std::map<incarnation, edge> edges_;
  std::uint64_t last_nonce_ = 0;
  boot_time due_;
  boot_time quiet_until_;
  bool changed_ = false;
  bool new_edges_ = false;  // some were never asked
};

}  // namespace hedgerow::core
