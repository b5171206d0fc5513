#pragma once
// Everything that nodes and clients say to each other, as values. `src/wire` turns them into bytes.
//
// Who says it is not part of a message: a connection belongs to one sender and one receiver
// incarnation, fixed by its handshake (S1), and a message counts for those two only.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <hedgerow/member.h>

#include "model/bytes.h"
#include "model/time.h"

namespace hedgerow::message {

// Observer to subject (D2). The view's id rides along: who is behind asks for the newest (P1).
struct probe {
  std::uint64_t nonce = 0;
  view_id view;
};
struct probe_ack {
  std::uint64_t nonce = 0;
  view_id view;
};

// What an observer knows of one subject. `refused` and `left` are certain, `down` is silence.
enum class edge_state : std::uint8_t { unknown, up, down, refused, left };

struct edge {
  incarnation subject;
  edge_state state = edge_state::unknown;

  bool operator==(const edge&) const = default;
};

// Leader to member, each period: the lease as news (followers never poll the store for it), a nonce
// whose echo proves freshness (D4), and subjects to watch beside one's own (C3).
struct beat {
  std::uint64_t nonce = 0;
  fencing_token token = 0;
  instant expires;
  view_id view;
  std::vector<incarnation> extra_subjects;
};

// Member to leader, in answer to a beat and when an edge changes: the full state, never a delta.
struct report {
  std::uint64_t nonce = 0;  // of the newest beat; 0 after a pause of the observer's own (D3)
  view_id view;
  std::vector<edge> edges;
};

// "Here is a view": pushed by the leader, and the answer to view_pull.
struct view_push {
  view_ptr view;
};
struct view_pull {
  view_id have;
};

struct join {
  member who;
};
enum class join_status : std::uint8_t { admitted, not_leader, name_in_use, full, cut_off };
struct join_reply {
  join_status status = join_status::not_leader;
  // Of the leader, of the holder of the name, or of the member that is cut off from the joiner; may
  // be empty.
  std::string address;
};

// To the leader, and to all others as a hint (J2). Acknowledged by a view without the sender.
struct leave {};

// The lease of this token was released; whoever wants it should take it now.
struct released {
  fencing_token token = 0;
  bool stood_back = false;  // its leader heard at most half of the members (C5)
};

// A client (or node) wants views and leader news on this connection from now on.
struct subscribe {};
struct leader_news {
  std::string name;  // empty: no leader known
  std::string address;
  hedgerow::incarnation incarnation;
  fencing_token token = 0;
  std::int64_t remaining_ms = 0;
  std::int64_t view_age_ms = 0;
};

enum class request_kind : std::uint8_t { send, broadcast };

struct request {
  std::uint64_t id = 0;  // unique per connection and direction
  request_kind kind = request_kind::send;
  nanoseconds remaining{};  // until the caller's deadline, when it was sent
  std::string from;         // name of the sender; empty for a client
  bytes payload;
};

enum class reply_status : std::uint8_t {
  ok,
  handler_failed,  // executed; payload is the error text
  not_leader,      // not executed; leader fields may say who is
  not_member,      // not executed; the receiver is in no view (any more)
  overloaded,      // not executed
  expired,         // not executed: the deadline had passed, or the lease was about to
  stopping,        // not executed
  unknown,         // may have been executed: the handler was cut off
};

struct reply {
  std::uint64_t id = 0;
  reply_status status = reply_status::ok;
  fencing_token token = 0;
  std::string from;  // name of the node that answers
  hedgerow::incarnation leader;
  std::string leader_address;
  bytes payload;  // the answer, or an error text
};

using any = std::variant<probe, probe_ack, beat, report, view_push, view_pull, join, join_reply,
                         leave, released, subscribe, leader_news, request, reply>;

}  // namespace hedgerow::message
