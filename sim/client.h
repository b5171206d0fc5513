#pragma once
// One process that is no member: a real client engine, whose user sends, broadcasts and opens
// streams. It listens nowhere, asks no store, and has a clock that only counts.

#include <memory>
#include <string>

#include "base/random.h"
#include "node/engine/client_engine.h"
#include "sim/checkers/calls_checker.h"
#include "sim/clock_model.h"
#include "sim/endpoint.h"
#include "sim/kernel.h"
#include "sim/lives.h"
#include "sim/network_model.h"
#include "sim/stream_users.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

struct client_surroundings {
  kernel& world;
  const swarm& with;
  clock_model& clocks;
  network_model& network;
  calls_checker& calls;
  lives& all;
  stream_world& streams;
};

class client final : public endpoint,
                     private ports::clock,
                     private ports::transport,
                     private ports::timers,
                     private ports::log,
                     private engine::client_listener,
                     private engine::stream_listener {
 public:
  client(const client_surroundings& around, std::uint32_t number, std::uint32_t on_slot);

  void start();
  // Its engine ends all calls and streams; then the process is gone.
  void stop();
  void end();
  const stream_users& streams() const { return *streams_; }

  void take(const event& e) override;

 private:
  reading now() noexcept override { return in_.clocks.read(slot); }
  std::string_view scale() const noexcept override { return in_.clocks.scale(); }
  std::string epoch() const override { return in_.clocks.epoch(); }
  std::string_view source() const noexcept override { return "simulated"; }
  void assume(const ports::peer& me) override { in_.network.assume(*this, me); }
  ports::connection_id dial(const std::string& address, const hedgerow::incarnation& expected,
                            nanoseconds patience) override {
    return in_.network.dial(*this, address, expected, patience);
  }
  bool send(ports::connection_id connection, const message::any& what) override {
    return in_.network.send(*this, connection, what);
  }
  void set_busy(ports::connection_id, bool) override {}
  void close(ports::connection_id connection) override { in_.network.close(*this, connection); }
  void wake_at(boot_time at) override;
  void write(severity, std::string_view) override {}
  bool wants(severity) const override { return false; }

  void on_view(const view_change& change) override;
  void on_leader(const leader_info&) override {}
  void on_send_done(core::call_id call, result<reply> outcome) override {
    in_.calls.on_send_done(id, call, outcome);
  }
  void on_broadcast_reply(core::call_id call, member_reply answer) override {
    in_.calls.on_broadcast_reply(id, call, answer);
  }
  void on_broadcast_done(core::call_id call) override { in_.calls.on_broadcast_done(id, call); }
  void on_addresses_wanted() override;

  void on_stream_offered(core::stream_id stream, core::stream_offer&& what) override;
  void on_stream_open(core::stream_id stream, const std::string& from,
                      fencing_token token) override {
    streams_->on_open(stream, from, token);
  }
  void on_stream_messages(core::stream_id stream, slice&& block, bool framed) override {
    streams_->on_messages(stream, block, framed);
  }
  void on_stream_finished(core::stream_id stream) override { streams_->on_finished(stream); }
  void on_stream_taken(core::stream_id stream, std::size_t bytes) override {
    streams_->on_taken(stream, bytes);
  }
  void on_stream_acknowledged(core::stream_id stream, std::uint64_t messages) override {
    streams_->on_acknowledged(stream, messages);
  }
  void on_stream_end(core::stream_id stream, stream_end&& how) override {
    streams_->on_end(stream, how);
  }

  void look_for_nodes();
  void work();

  client_surroundings in_;
  base::random random_;
  view_id newest_;
  std::uint64_t wake_generation_ = 0;
  std::unique_ptr<engine::client_engine> engine_;
  std::unique_ptr<stream_users> streams_;
};

}  // namespace hedgerow::sim
