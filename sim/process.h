#pragma once
// One operating-system process with a real engine: its ports lead to the models, its news to the
// checkers.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "node/engine/engine.h"
#include "sim/checkers/acts_checker.h"
#include "sim/checkers/calls_checker.h"
#include "sim/checkers/evictions_checker.h"
#include "sim/checkers/views_checker.h"
#include "sim/clock_model.h"
#include "sim/endpoint.h"
#include "sim/handler_model.h"
#include "sim/kernel.h"
#include "sim/lives.h"
#include "sim/lock_client.h"
#include "sim/network_model.h"
#include "sim/store_model.h"
#include "sim/stream_users.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

// What every process lives among.
struct surroundings {
  kernel& world;
  const swarm& with;
  clock_model& clocks;
  store_model& store;
  network_model& network;
  handler_model& handlers;
  acts_checker& acts;
  views_checker& views;
  evictions_checker& evictions;
  calls_checker& calls;
  lives& all;
  lock_world& locks;
  stream_world& streams;
};

class process final : public endpoint,
                      private ports::clock,
                      private ports::store,
                      private ports::transport,
                      private ports::timers,
                      private ports::handlers,
                      private ports::log,
                      private engine::listener,
                      private engine::stream_listener {
 public:
  process(surroundings around, std::uint32_t number, std::uint32_t on_slot, std::string name,
          microseconds lease);

  // Nothing of the engine's runs before this, or after end().
  void start();
  void end();
  void stop();
  bool running() const { return alive && !stopping_ && !failed_; }
  bool stopping() const { return stopping_; }
  bool failed() const { return failed_; }
  engine::engine& node() { return *engine_; }
  const engine::engine& node() const { return *engine_; }
  const std::string& name() const { return name_; }
  const std::vector<std::unique_ptr<lock_client>>& locks() const { return locks_; }
  const stream_users& streams() const { return *streams_; }

  void take(const event& e) override;
  // The engine has done something: the checkers look at its cell.
  void settle();
  void act_if_leading();

 private:
  reading now() noexcept override;
  std::string_view scale() const noexcept override;
  std::string epoch() const override;
  std::string_view source() const noexcept override { return "simulated"; }
  std::string trouble() const override;
  void submit(ports::request_id id, ports::lease_request request, nanoseconds patience) override;
  void submit(ports::request_id id, ports::view_request request, nanoseconds patience) override;
  void assume(const ports::peer& me) override;
  ports::connection_id dial(const std::string& address, const hedgerow::incarnation& expected,
                            nanoseconds patience) override;
  bool send(ports::connection_id id, const message::any& what) override;
  // Nobody is displaced here, however silent.
  void set_busy(ports::connection_id, bool) override {}
  void close(ports::connection_id id) override;
  void wake_at(boot_time at) override;
  std::optional<ports::job_result> run(ports::job_id id, const ports::job& work) override;
  void leadership_ended(fencing_token token) override;
  void write(severity level, std::string_view text) override;
  bool wants(severity level) const override;

  void on_view(const view_change& change) override;
  void on_leadership(leadership_state state, fencing_token token) override;
  void on_leader(const leader_info& leader) override;
  void on_member(const member& me) override;
  void on_evicted(removal_reason reason) override;
  void on_failed(const error& why) override;
  void on_store(bool available, const std::string& text) override;
  void on_clock(clock_status status, const std::string& why) override;
  void on_waiting(milliseconds how_long, const std::string& why) override;
  void on_send_done(engine::call_id call, result<reply> outcome) override;
  void on_broadcast_reply(engine::call_id call, member_reply answer) override;
  void on_broadcast_done(engine::call_id call) override;
  void on_stopped() override;

  void on_stream_offered(core::stream_id stream, core::stream_offer&& what) override;
  void on_stream_open(core::stream_id stream, const std::string& from,
                      fencing_token token) override {
    streams_->on_open(stream, from, token);
  }
  void on_stream_messages(core::stream_id stream, slice&& block, bool framed) override;
  void on_stream_finished(core::stream_id stream) override;
  void on_stream_taken(core::stream_id stream, std::size_t bytes) override {
    streams_->on_taken(stream, bytes);
  }
  void on_stream_acknowledged(core::stream_id stream, std::uint64_t messages) override {
    streams_->on_acknowledged(stream, messages);
  }
  void on_stream_end(core::stream_id stream, stream_end&& how) override {
    streams_->on_end(stream, how);
  }

  void say(detail level, const std::string& text);
  void on_timer(const event& e);

  surroundings in_;
  base::random random_;
  std::string name_;
  bool stopping_ = false;
  bool failed_ = false;
  leadership_state told_state_ = leadership_state::following;
  fencing_token told_token_ = 0;
  fencing_token lost_token_ = 0;
  std::optional<hedgerow::incarnation> removed_as_;  // S5: and must be somebody else now
  // One wake-up in the queue is enough: an earlier one is planned again when it fires.
  true_time wake_wanted_ = forever;
  true_time wake_planned_ = forever;
  std::uint64_t wake_generation_ = 0;
  std::unique_ptr<engine::engine> engine_;
  std::vector<std::unique_ptr<lock_client>> locks_;
  std::unique_ptr<stream_users> streams_;
};

}  // namespace hedgerow::sim
