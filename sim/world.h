#pragma once
// The simulated world: hosts with processes on them, the models, the checkers, and the loop that
// lets true time pass. Nothing happens in it by itself: faults, workload and course tell it what.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/checkers/evictions_checker.h"
#include "sim/checkers/windows_checker.h"
#include "sim/client.h"
#include "sim/process.h"

namespace hedgerow::sim {

// Why a process is started, besides its slot.
enum class starting : std::uint8_t { same_name, new_name, twin };

class world final : private router, private store_watcher, private handler_watcher {
 public:
  explicit world(const swarm& with);

  kernel& core() { return kernel_; }
  const swarm& with() const { return with_; }
  clock_model& clocks() { return clocks_; }
  store_model& store() { return store_; }
  network_model& network() { return network_; }
  handler_model& handlers() { return handlers_; }
  calls_checker& calls() { return calls_; }
  acts_checker& acts() { return acts_; }
  locks_checker& lock_acts() { return lock_acts_; }
  lock_world& locks() { return locks_; }
  stream_world& streams() { return streams_; }
  sim::lives& all_lives() { return lives_; }

  // Handles events until true time `end`, or until something is wrong.
  void run_until(true_time end);
  // Who plays the part of faults, work and stage events.
  std::function<void(const event&)> on_script;

  // Processes. A slot has at most one that lives.
  std::uint32_t slots() const { return with_.slots; }
  process* live_at(std::uint32_t slot);
  std::vector<process*> live();
  // Clients that are no members come and go by themselves from now on.
  void start_clients();
  const std::vector<sim::client*>& clients() const { return clients_; }
  process& start(std::uint32_t slot, const std::string& name);
  void start_later(std::uint32_t slot, starting how, true_time after);
  void kill(process& p);
  void power_off(std::uint32_t slot, true_time for_long);
  void reboot();
  void pause(process& p, true_time for_long);
  void resume(process& p);
  // Whether something is already planned to start here.
  bool start_planned(std::uint32_t slot) const { return hosts_[slot].starts_planned > 0; }
  const std::string& name_at(std::uint32_t slot) const { return hosts_[slot].name; }
  std::uint64_t node_nanoseconds() const;

 private:
  struct host {
    bool up = true;
    std::string name;  // of the newest process here
    process* here = nullptr;
    int starts_planned = 0;
    int renamed = 0;
  };

  endpoint& endpoint_of(std::uint32_t id) override { return *endpoints_[id]; }
  sim::process& process_of(std::uint32_t id) { return static_cast<sim::process&>(*endpoints_[id]); }
  endpoint* at_slot(std::uint32_t slot) override { return hosts_[slot].here; }
  bool host_up(std::uint32_t slot) const override { return hosts_[slot].up; }
  void hand_over(endpoint& to, const event& e) override;

  void on_lease_executed(std::uint32_t process, const ports::lease_request& request,
                         const ports::lease_reply& reply) override;
  void on_view_submitted(std::uint32_t process, std::uint64_t number,
                         const ports::view_request& request) override;
  void on_view_executed(std::uint64_t number, const ports::view_request& request,
                        const std::optional<ports::view_row>& before,
                        const ports::view_reply& reply) override;
  void on_view_history_lost() override { views_.on_history_lost(); }
  void on_view_settled(std::uint32_t process) override { evictions_.on_settled(process); }
  void on_executed(const endpoint& at, const ports::job& work) override;

  void handle(const event& e);
  void to_process(const event& e);
  void discard(const event& e);
  void on_start(const event& e);
  void on_client_turn();
  void end_client(sim::client& c);
  void end_process(sim::process& p);

  kernel kernel_;
  swarm with_;
  base::random random_;
  sim::lives lives_;
  clock_model clocks_;
  store_model store_;
  network_model network_;
  acts_checker acts_;
  locks_checker lock_acts_;
  lock_world locks_;
  views_checker views_;
  calls_checker calls_;
  evictions_checker evictions_;
  streams_checker stream_acts_;
  windows_checker windows_;
  stream_world streams_;
  handler_model handlers_;
  std::vector<host> hosts_;
  std::vector<std::unique_ptr<endpoint>> endpoints_;  // processes and clients, by number
  std::vector<sim::client*> clients_;                 // those that live
  std::vector<true_time> started_;                    // by process
  std::uint64_t node_ns_ = 0;                         // of processes that have ended
  true_time second_began_ = 0;
  std::uint64_t steps_at_second_ = 0;
};

}  // namespace hedgerow::sim
