#pragma once
// Everything that nodes and clients say to each other, as values. `src/wire` turns them into bytes.
//
// Who says it is not part of a message: a connection belongs to one sender and one receiver
// incarnation, fixed by its handshake (S1), and a message counts for those two only.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <hedgerow/member.h>

#include "base/little_endian.h"
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

// A client (or node) wants views and leader news on this connection from now on. Said again, it is
// answered with the leader news alone: by that a client sees that its agent is there.
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

// Streams. A stream's number is its opener's choice, unique on this connection for good; the opener
// has dialled the connection. Either side's data is one sequence of bytes: each message behind its
// length (u32, little-endian), cut into frames anywhere.
inline constexpr std::size_t stream_length_bytes = sizeof(std::uint32_t);

inline void append_stream_length(std::string& to, std::size_t message_bytes) {
  char length[stream_length_bytes];
  base::store_u32(length, static_cast<std::uint32_t>(message_bytes));
  to.append(length, sizeof length);
}

struct stream_open {
  std::uint64_t stream = 0;
  request_kind kind = request_kind::send;  // to the leader, or to a member
  std::uint64_t limit = 0;                 // as in stream_credit, for the other side's first bytes
  nanoseconds remaining{};                 // until the opener's deadline; 0: there is none
  nanoseconds idle{};  // longest time without data in either direction; 0: any is fine
  std::string from;    // name of the opener; empty for a client
  std::map<std::string, std::string> metadata;
};

// Taken: data may flow. Before it the opener sends none.
struct stream_accept {
  std::uint64_t stream = 0;
  std::uint64_t limit = 0;
  fencing_token token = 0;  // of the lease to which it is tied, or of the view
  std::string from;         // name of the node that has taken it
};

struct stream_data {
  std::uint64_t stream = 0;
  slice data;  // never empty; borrowed by whoever receives it, for the length of the call
};

// What the sender of this has consumed, and may be sent. Both absolute, so that they only grow.
struct stream_credit {
  std::uint64_t stream = 0;
  std::uint64_t limit = 0;     // bytes that it may be sent since the stream began
  std::uint64_t consumed = 0;  // messages that its user has consumed
};

// No more data from this side; comes behind all of it.
struct stream_finish {
  std::uint64_t stream = 0;
};

enum class stream_code : std::uint8_t {
  // Instead of stream_accept.
  not_leader,  // leader fields may say who is
  not_member,
  overloaded,  // also later: no memory for a long message
  stopping,    // also later
  // Later.
  cancelled,
  handler_failed,
  leadership_lost,
  timed_out,
  too_large,
  violation,  // of the protocol
};

// Ends both directions, whatever is on its way.
struct stream_reset {
  std::uint64_t stream = 0;
  stream_code code = stream_code::cancelled;
  std::uint64_t consumed = 0;  // as in stream_credit
  std::string text;            // in words for the other side's user
  hedgerow::incarnation leader;
  std::string leader_address;
};

using any = std::variant<probe, probe_ack, beat, report, view_push, view_pull, join, join_reply,
                         leave, released, subscribe, leader_news, request, reply, stream_open,
                         stream_accept, stream_data, stream_credit, stream_finish, stream_reset>;

// What goes first on a connection (ports/transport.h), the most urgent first.
enum class lane : std::uint8_t { control, calls, streams };
inline constexpr std::size_t lanes = 3;

inline lane lane_of(const any& what) {
  if (std::holds_alternative<request>(what) || std::holds_alternative<reply>(what))
    return lane::calls;
  // A finish comes behind the data.
  if (std::holds_alternative<stream_data>(what) || std::holds_alternative<stream_finish>(what))
    return lane::streams;
  return lane::control;
}

}  // namespace hedgerow::message
