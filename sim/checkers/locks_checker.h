#pragma once
// Locks: what acts_checker says, for each lock by itself, and what a user is told.
//
// A lock that nobody asked for is not acquired; a token that was lost or given up does not come
// back; when somebody acquires a lock, whoever had it before has been told of its loss, unless it
// was paused, its timer was late, or its clock is not trusted.

#include <map>
#include <memory>
#include <vector>

#include "sim/checkers/acts_checker.h"
#include "sim/lives.h"

namespace hedgerow::sim {

class locks_checker {
 public:
  // Clients are numbered through the run; each has one lock.
  struct client {
    std::uint32_t number = 0;
    std::uint32_t process = 0;
    std::uint32_t lock = 0;
    incarnation who;
  };

  locks_checker(kernel& world, const clock_model& clocks, const lives& all, std::uint32_t locks);

  void on_cell(const client& c, const engine::leadership_cell& cell);
  void on_act(const client& c, fencing_token token);
  void on_acquired(const client& c, fencing_token token, bool asked);
  void on_suspended(const client& c) { believes_.erase(c.number); }
  void on_resumed(const client& c, fencing_token token);
  // Lost, or given up by release().
  void on_over(const client& c, fencing_token token);
  // A wake-up of its came so late that it may not tell of a loss in time.
  void on_late(const client& c) { believes_.erase(c.number); }
  void on_gone(const client& c);
  void settle();

 private:
  struct belief {
    client who;
    true_time since = 0;
  };

  void fail(const client& c, const std::string& text);

  kernel& world_;
  const lives& lives_;
  std::vector<std::unique_ptr<acts_checker>> acts_;    // by lock
  std::map<std::uint32_t, belief> believes_;           // who takes itself for a holder
  std::map<std::uint32_t, fencing_token> over_;        // by client: the newest that is over
  std::map<std::uint32_t, fencing_token> last_token_;  // by lock: the newest acquired
};

}  // namespace hedgerow::sim
