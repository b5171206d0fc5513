#pragma once
// A user of one lock in a process, with the product's engine: acquires, tries, holds, releases and
// changes its mind at random moments. In peace it wants its lock once, and is content when it has
// had it.

#include <memory>
#include <string>

#include "base/random.h"
#include "node/engine/lock_engine.h"
#include "sim/checkers/locks_checker.h"
#include "sim/clock_model.h"
#include "sim/endpoint.h"
#include "sim/kernel.h"
#include "sim/store_model.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

class lock_client;

// What all clients of a run share.
struct lock_world {
  kernel& world;
  const swarm& with;
  clock_model& clocks;
  store_model& store;
  locks_checker& checker;
  std::uint32_t numbers = 0;  // of clients so far
  std::uint64_t peace = 0;    // grows with each; 0 in trouble
  std::uint64_t peaces = 0;
  std::vector<lock_client*> clients{};  // of processes that live
};

class lock_client final : private ports::clock,
                          private ports::store,
                          private ports::timers,
                          private ports::log,
                          private engine::lock_listener {
 public:
  // `index` is its number in its process, which events name.
  lock_client(lock_world& in, endpoint& of, std::uint32_t index, std::uint32_t lock);
  ~lock_client() override;
  lock_client(const lock_client&) = delete;
  lock_client& operator=(const lock_client&) = delete;

  ports::store_listener& store_news() { return *engine_; }
  void take(const event& e);  // lock_wake, lock_work, lock_look
  void act_if_held();
  // Releases as a process does before it ends.
  void stop();
  // Has had its lock since peace began, and given it back.
  bool content() const { return served_ == in_.peace && !held_ && !busy_; }
  std::string state() const;
  // The engine has done something.
  void settle() { in_.checker.on_cell(me_, engine_->cell()); }

 private:
  void work();
  void want();
  void give_back();
  void plan_work(true_time most);
  void on_timer(const event& e);

  reading now() noexcept override { return in_.clocks.read(of_.slot); }
  std::string_view scale() const noexcept override { return in_.clocks.scale(); }
  std::string epoch() const override { return in_.clocks.epoch(); }
  std::string_view source() const noexcept override { return "simulated"; }
  void submit(ports::request_id id, ports::lease_request request, nanoseconds patience) override;
  void submit(ports::request_id, ports::view_request, nanoseconds) override {}
  void wake_at(boot_time at) override;
  void write(severity level, std::string_view text) override;
  bool wants(severity) const override { return in_.world.trace.wants(detail::transitions); }

  void on_acquired(fencing_token token) override;
  void on_not_acquired(const error& why) override;
  void on_released() override { busy_ = false; }
  void on_suspended(fencing_token token) override;
  void on_resumed(fencing_token token) override;
  void on_lost(fencing_token token, const std::string& why) override;
  void on_extended(fencing_token) override {}
  void on_waiting(milliseconds, const std::string&) override {}
  void on_queued() override {}
  void on_freed() override;
  void on_store(bool, const std::string&) override {}

  lock_world& in_;
  endpoint& of_;
  std::uint32_t index_;
  base::random random_;
  locks_checker::client me_;
  fencing_token held_ = 0;
  bool asked_ = false;  // for the lock, and not answered yet
  bool busy_ = false;   // acquiring or releasing
  bool stopping_ = false;
  std::uint64_t served_ = 0;  // in which peace it had its lock last
  true_time wake_wanted_ = forever;
  true_time wake_planned_ = forever;
  std::uint64_t wake_generation_ = 0;
  std::unique_ptr<engine::lock_engine> engine_;
};

}  // namespace hedgerow::sim
