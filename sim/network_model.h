#pragma once
// Connections between processes, as TCP gives them: in order or not at all.
//
// A cut swallows bytes in one direction while the connection stays open; after it they are sent
// again, or the connection is found broken. A process that is killed ends its connections and
// refuses new ones; a host without power says nothing, which the other end finds out in time. An
// end that has forgotten a connection answers the next bytes with a reset.

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "base/random.h"
#include "sim/endpoint.h"
#include "sim/kernel.h"
#include "sim/paths.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

std::string address_of(std::uint32_t slot);

// Sees what connections carry. A side is one end of a connection; the other differs in the last
// bit.
class wire_watcher {
 public:
  virtual ~wire_watcher() = default;
  // The process at `side` has sent it.
  virtual void on_carried(std::uint32_t process, std::uint64_t side, const message::any& what) = 0;
  // It is handed to the process at `side` now.
  virtual void on_handed(std::uint64_t side, const message::any& what) = 0;
};

class network_model {
 public:
  network_model(kernel& world, const swarm& with, router& processes);

  // For a process' transport port; see ports/transport.h.
  void assume(endpoint& who, const ports::peer& self);
  ports::connection_id dial(endpoint& who, const std::string& address, const incarnation& expected,
                            nanoseconds patience);
  bool send(endpoint& who, ports::connection_id id, const message::any& what);
  void close(endpoint& who, ports::connection_id id);

  // The process is gone. With its host, nobody is told.
  void vanish(endpoint& who, bool with_host);

  // Faults. A cut is a list of one-way paths; it ends by itself or with heal.
  void cut(std::vector<std::pair<std::uint32_t, std::uint32_t>> ways, true_time for_long);
  // Breaks a random connection, for both ends or for one. False if there is none.
  bool break_one(bool both_ends);
  void heal();
  void unheal() { healed_ = false; }

  void watch(wire_watcher& who) { watcher_ = &who; }

  const sim::paths& paths() const { return paths_; }
  std::uint64_t messages() const { return messages_; }

  // dial_arrives, dial_deadline, flow, heal_cut, and those below when they reach the host.
  void on_event(const event& e);
  // handshake, opened, dial_failed, message, drained, retired, closed: the process runs and takes
  // it.
  void deliver(endpoint& to, const event& e);
  void discard(const event& e);

 private:
  enum class stage : std::uint8_t { dialing, answered, over };
  // Side 0 has dialled, side 1 has accepted.
  struct connection {
    std::array<std::uint32_t, 2> process{};
    std::array<std::uint32_t, 2> slot{};
    std::array<bool, 2> open{};  // told so, and not told otherwise
    stage dial = stage::dialing;
    bool broken = false;  // nothing arrives any more
    ports::peer dialer;
    ports::peer acceptor;  // who answered
    incarnation expected;
    true_time deadline = 0;
    // By sending side: when the newest arrives, and what a cut holds back.
    std::array<true_time, 2> last_control{};
    std::array<true_time, 2> last_bulk{};
    std::array<true_time, 2> last_stream{};
    std::array<std::uint32_t, 2> in_flight{};
    // By sending side: data of streams that has not left it, and when the last of it does.
    std::array<std::size_t, 2> undrained{};
    std::array<true_time, 2> last_drained{};
    std::array<std::vector<event>, 2> stalled;
  };
  struct cut_record {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ways;
    true_time since = 0;
    bool over = false;
  };

  static std::uint64_t side_id(std::uint64_t index, unsigned side) { return 2 * index + 2 + side; }
  static std::uint64_t other_side(std::uint64_t id) { return id ^ 1U; }
  static unsigned side_of(std::uint64_t id) { return static_cast<unsigned>(id & 1U); }
  connection& of(std::uint64_t id) { return connections_[id / 2 - 1]; }

  true_time link_delay(std::uint32_t from, std::uint32_t to);
  void push_in_order(std::uint64_t receiving_side, event_kind kind, std::uint64_t b,
                     message::lane in, true_time leaves);
  true_time leaving_time(std::uint64_t side, const message::any& what);
  void tell_closed(std::uint64_t side);
  void end_at(true_time at, std::uint64_t side);
  void find_dead(std::uint64_t side);
  void reset_from(std::uint64_t receiving_side);
  bool arrives(const event& e);
  void on_dial_arrives(const event& e);
  void on_handshake(endpoint& at, const event& e);
  void on_dial_failed(endpoint& to, const event& e);
  void on_message(endpoint& to, const event& e);
  void on_drained(endpoint& to, const event& e);
  void hand_over(endpoint& to, std::uint64_t side, message::any&& what);
  void hand_over_data(endpoint& to, std::uint64_t side, const message::stream_data& what);
  void retire(std::uint64_t index);
  void fail_dial(std::uint64_t side, ports::dial_failure why);
  void end_cut(cut_record& c);
  void flow(std::uint64_t index, unsigned direction);
  void close_all_of(endpoint& who, bool tell);
  bool counts_in_flight(const event& e) const;
  std::uint64_t keep(const message::any& what);

  kernel& world_;
  const swarm& with_;
  router& processes_;
  wire_watcher* watcher_ = nullptr;
  base::random random_;
  sim::paths paths_;
  bool healed_ = false;
  std::uint64_t messages_ = 0;
  std::deque<connection> connections_;
  std::vector<std::vector<std::uint64_t>> sides_of_process_;  // by process id; open or dialing
  std::vector<cut_record> cuts_;
  std::deque<message::any> pool_;
  std::vector<std::uint64_t> pool_free_;
};

}  // namespace hedgerow::sim
