#pragma once
// What goes wrong, and when: one kind at a time, at random moments, often with the leader as its
// victim.

#include <vector>

#include "base/random.h"
#include "sim/world.h"

namespace hedgerow::sim {

class faults {
 public:
  explicit faults(world& in);

  void start();
  // Everything that was broken works again; what is dead may stay dead.
  void heal_all();
  void on_event(const event& e);  // fault

 private:
  void plan_next();
  // This kind, besides those that come at random.
  void plan_also(fault kind, true_time after);
  void strike(fault kind);
  process* victim();
  true_time how_long();
  void end_life(fault kind);
  void kill_all();
  void cut(fault kind);
  void hurt_store(fault kind);
  void promote();
  void promote_sibling();
  void restore();
  void show_old_copies(true_time until);
  bool deletes_now();
  bool loses_commits_now(bool a_row_too);
  void hurt_clock(fault kind);
  void hurt_clock_of(std::uint32_t slot, fault kind, true_time length);
  void add_twin();

  world& world_;
  const swarm& with_;
  base::random random_;
  std::vector<fault> kinds_;
  bool active_ = false;
  std::uint64_t phase_ = 0;
  true_time lost_commits_at_ = -forever / 2;
  true_time deleted_at_ = -forever / 2;
};

}  // namespace hedgerow::sim
