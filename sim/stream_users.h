#pragma once
// The users of streams in one process: they open streams to the leader and to all, and serve those
// of others. Some write a lot, some read slowly or not at all, some leave.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/random.h"
#include "node/engine/engine.h"
#include "sim/checkers/streams_checker.h"
#include "sim/checkers/windows_checker.h"
#include "sim/clock_model.h"
#include "sim/endpoint.h"
#include "sim/kernel.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

// What all of them share.
struct stream_world {
  kernel& world;
  const swarm& with;
  clock_model& clocks;
  streams_checker& checker;
  windows_checker& windows;
  bool peace = false;  // nothing new is opened; everybody reads, and finishes
};

class stream_users {
 public:
  // `view`: as the owner of `node` knows it.
  stream_users(stream_world& in, const endpoint& at, engine::stream_user& node,
               std::function<view_ptr()> view);

  void start();
  void take(const event& e);  // stream_open, stream_turn
  // Of the owner's node.
  void on_view(const view_change& change);
  std::size_t open() const { return ends_.size(); }
  std::string state() const;

  // As of engine::stream_listener.
  void on_offered(core::stream_id id, const core::stream_offer& what);
  void on_open(core::stream_id id, const std::string& from, fencing_token token);
  void on_messages(core::stream_id id, const slice& block, bool framed);
  void on_finished(core::stream_id id);
  void on_taken(core::stream_id id, std::size_t bytes);
  void on_acknowledged(core::stream_id id, std::uint64_t messages);
  void on_end(core::stream_id id, const stream_end& how);

 private:
  struct user {
    bool slow = false;                      // reads at its turns only
    std::uint64_t stops_after = endlessly;  // reads so many messages, then never again
    bool opener = false;
    bool echoes = false;
    bool leaves_open = false;        // until there is peace
    std::uint64_t to_write = 0;      // messages
    std::uint64_t cancel_after = 0;  // of so many messages; 0: never
    bool leaves_early = false;       // at any time, be it not taken yet
    true_time gap = 0;               // mean, between two turns

    std::deque<std::size_t> unread;
    std::uint64_t received = 0;
    std::uint64_t consumed = 0;
    std::size_t waiting = 0;  // bytes that have not left
    bool stalled = false;     // by them
    bool finish = false;
    bool finished = false;
  };

  static constexpr std::uint64_t endlessly = UINT64_MAX;

  user drawn(bool opener);
  void open_some();
  void greet();
  void open_one(message::request_kind kind, const std::optional<core::target>& to);
  void turn(core::stream_id id);
  void plan_turn(core::stream_id id);
  bool still(core::stream_id id) const { return ends_.contains(id); }
  void write(core::stream_id id);
  void consume(core::stream_id id, std::uint64_t messages);
  void finish(core::stream_id id);
  std::size_t size_of_next();

  stream_world& in_;
  const endpoint& at_;
  engine::stream_user& node_;
  std::function<view_ptr()> view_;
  base::random random_;
  std::map<core::stream_id, user> ends_;
  std::vector<core::target> newcomers_;  // to be greeted
};

}  // namespace hedgerow::sim
