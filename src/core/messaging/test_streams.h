#pragma once
// For tests of core::streams: nodes, the connections between them, and users that note what they
// are told.
//
// Frames go as in the transport: control first, data behind it as the lane empties, one byte
// sequence on the way. After every step the group checks what holds always: order, positions,
// windows, budgets, and that an end has one last word.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "core/messaging/streams.h"

namespace hedgerow::core {

// One end of a stream: whose, and which.
struct test_end {
  std::size_t node = 0;
  stream_id id = 0;

  auto operator<=>(const test_end&) const = default;
};

// What a user has been told of an end, and has done with it.
struct test_user {
  std::optional<stream_offer> offer;  // of an end that was taken here
  bool open = false;
  std::string from;
  fencing_token token = 0;
  std::optional<test_end> other;

  std::vector<bytes> written;  // messages
  bool finish = false;
  std::size_t written_bytes = 0;  // with lengths
  std::size_t taken = 0;
  std::uint64_t acknowledged = 0;

  bool reads = true;  // consumes at once
  std::uint64_t received = 0;
  std::deque<std::size_t> unread;  // their sizes
  std::uint64_t consumed = 0;
  std::size_t consumed_bytes = 0;  // with lengths
  bool finished = false;
  std::optional<stream_end> end;

  // As seen on the wire.
  std::uint64_t connection = 0;
  std::uint64_t limit = 0;    // promised to the other side
  std::uint64_t arrived = 0;  // bytes
};

struct test_node {
  explicit test_node(streams::settings with) : core(std::move(with)) {}

  streams core;
  stream_effects out;
  incarnation self;
  streams::authority may;
  bool reachable = true;
  bool listens = true;  // where it is not reachable: whether somebody may come back there
  bool reads = true;    // its users of new ends
  std::optional<message::stream_code> refuses;  // what its users say at once to what is offered
  std::map<stream_id, test_user> users;
  std::map<std::uint64_t, bool> busy;  // connections
  bool draining = false;
};

class test_group {
 public:
  // Node 0 leads under token 7; all are members of the view of token 6.
  explicit test_group(std::size_t nodes, std::size_t connection_bytes = limits::stream_windows_max,
                      std::size_t message_bytes_max = limits::payload_bytes_default);

  test_node& node(std::size_t i) { return nodes_.at(i); }
  test_user& user(const test_end& e) { return nodes_.at(e.node).users.at(e.id); }
  target target_of(std::size_t i) const;
  // What everybody knows of the leader; `i` acts.
  void lead(std::size_t i, fencing_token token);
  void act(std::size_t i, fencing_token token);
  void know(std::size_t i, std::optional<std::size_t> leader);

  // The user's end. Each checks and carries out what follows, but moves no frame.
  test_end open(std::size_t from, std::optional<std::size_t> to = {}, stream_request with = {});
  void write(const test_end& e, std::string_view message);
  void write_of(const test_end& e, std::size_t size);  // made up, each another
  // In pieces of that many bytes.
  void write_cut(const test_end& e, std::string_view message, std::size_t piece);
  void finish(const test_end& e);
  void cancel(const test_end& e, const std::string& why,
              message::stream_code code = message::stream_code::cancelled);
  void consume(const test_end& e, std::uint64_t messages);
  // Whatever comes next, as if it had come on the end's connection.
  void forge(const test_end& to, message::any what);

  // Wire. `up`: from the one that has dialled.
  struct way {
    std::uint64_t connection = 0;
    bool up = true;
  };
  bool leave(const way& w);    // one frame leaves the queue of its sender
  bool deliver(const way& w);  // one frame arrives
  std::vector<way> ways() const;
  void cut(std::uint64_t connection);  // both sides hear of it; what is on the way is lost
  void settle();                       // until nothing moves, without time
  void pass(nanoseconds time);         // with all that it causes
  void tick_all();

  // An open stream to node 0, settled: opener first.
  std::pair<test_end, test_end> opened(std::size_t from = 1, stream_request with = {});
  test_end other(const test_end& e) { return user(e).other.value(); }
  std::error_code error_of(const test_end& e);  // none: not ended, or well
  bool ended_well(const test_end& e);
  std::size_t frames_waiting() const;
  void check();

  boot_time now{1'000'000'000'000};
  std::size_t piece = SIZE_MAX;     // in which data is handed on
  bool lane_open = true;            // false: data stays in the senders' queues
  bool hostile = false;             // a test plays the peer: ends may break the protocol
  std::map<std::string, int> sent;  // frames by kind

 private:
  struct direction {
    std::deque<message::any> control;
    std::deque<message::any> data;
    std::deque<message::any> flight;
  };
  struct link {
    std::size_t from = 0;
    std::size_t to = 0;
    std::array<direction, 2> ways;
  };
  using wire_end = std::tuple<std::size_t, std::uint64_t, std::uint64_t>;

  void drain(std::size_t i);
  void hand_over(std::size_t i, std::uint64_t connection, message::any what);
  void hand_over_data(std::size_t i, std::uint64_t connection, const message::stream_data& data);
  void note_promise(std::size_t i, std::uint64_t connection, const message::any& what);
  void not_taken(std::size_t i, std::uint64_t connection, std::uint64_t wire);
  void receive(const test_end& e, std::string_view message);
  void check_budget(std::size_t i);

  void carry_out(std::size_t i, stream_effect::connect&& e);
  void carry_out(std::size_t i, stream_effect::transmit&& e);
  void carry_out(std::size_t i, stream_effect::busy&& e);
  void carry_out(std::size_t i, stream_effect::offered&& e);
  void carry_out(std::size_t i, stream_effect::opened&& e);
  void carry_out(std::size_t i, stream_effect::arrived&& e);
  void carry_out(std::size_t i, stream_effect::finished&& e);
  void carry_out(std::size_t i, stream_effect::taken&& e);
  void carry_out(std::size_t i, stream_effect::acknowledged&& e);
  void carry_out(std::size_t i, stream_effect::ended&& e);
  test_user* heard_of(std::size_t i, stream_id id);

  std::size_t connection_bytes_;
  std::deque<test_node> nodes_;
  std::map<std::uint64_t, link> links_;
  std::uint64_t last_link_ = 0;
  std::map<wire_end, stream_id> by_wire_;
  std::optional<stream_id> offered_;  // and not said to be taken yet
};

}  // namespace hedgerow::core
