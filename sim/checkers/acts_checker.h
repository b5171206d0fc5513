#pragma once
// At most one node acts at any true instant, and tokens act in their order.
//
// A node may act from the moment its cell says "leading" until act_until, after safe_after,
// whatever its clock reads: those are the bounds on which the proof of R1 rests, so whole intervals
// are compared and no unlucky reading needs to be drawn. In addition every act that really happens
// (a handler's, or a question that was answered "you lead") counts at its instant, which also
// catches nodes that believe a clock that lies.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <hedgerow/member.h>

#include "node/engine/leadership_cell.h"
#include "sim/clock_model.h"
#include "sim/kernel.h"

namespace hedgerow::sim {

class acts_checker {
 public:
  // `word` is what the number of a process (or of whoever acts) is preceded by in words.
  acts_checker(kernel& world, const clock_model& clocks, std::string word = "p")
      : world_(world), clocks_(clocks), word_(std::move(word)) {}

  // The cell of this process, after every event that it had.
  void on_cell(std::uint32_t process, const incarnation& who, const engine::leadership_cell& cell);
  void on_gone(std::uint32_t process);
  // It acts under this token now.
  void on_act(std::uint32_t process, const incarnation& who, fencing_token token);
  // Compares what could be done up to now; also called where nothing has changed.
  void settle();
  // Whether this process may act under the token at this instant, by its cell.
  bool covers(std::uint32_t process, fencing_token token) const;

 private:
  struct actor {
    std::uint32_t process = 0;
    incarnation who;
    fencing_token token = 0;
    true_time from = 0;
    true_time until = 0;
  };

  void end(std::uint32_t process);
  void acted(const actor& a, true_time until);
  void compare(const actor& x, const actor& y);

  kernel& world_;
  const clock_model& clocks_;
  std::string word_;
  std::vector<engine::leadership_cell::value> cells_;  // by process, as last seen
  std::vector<actor> actors_;                          // those whose cell says "leading"
  actor last_;                                         // of the highest token that acted
  std::map<fencing_token, incarnation> owners_;
};

}  // namespace hedgerow::sim
