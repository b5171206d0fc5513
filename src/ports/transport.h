#pragma once
// The transport port: connections between incarnations, and messages on them.
//
// All calls and all notifications are on the loop's thread; a notification never comes from within
// a call. Messages on one connection arrive in the order in which they were sent, or the connection
// ends. Control messages may overtake requests and replies, and these may overtake stream_data and
// stream_finish; within each of the three the order is kept.

#include <cstdint>
#include <optional>
#include <string>

#include <hedgerow/member.h>

#include "model/message.h"

namespace hedgerow::ports {

using connection_id = std::uint64_t;  // never reused; 0 is none

enum class peer_role : std::uint8_t { member, client };

// Who is at the other end, as the handshake said. Clients have no name.
struct peer {
  peer_role role = peer_role::member;
  std::string name;
  std::string address;  // where it listens; empty for a client
  hedgerow::incarnation incarnation;
};

enum class dial_failure : std::uint8_t {
  refused,            // certain: nobody listens there (ECONNREFUSED, RST)
  other_incarnation,  // certain: somebody else answers at that address
  rejected,           // it answered and did not want us: another group, version or limit
  silent,             // no answer in time, or an error of our own host: proves nothing
};

class transport_listener {
 public:
  virtual ~transport_listener() = default;
  virtual void on_open(connection_id id, const peer& who) = 0;
  // `actual` is who answered, where somebody did.
  virtual void on_dial_failed(connection_id id, dial_failure why, const std::optional<peer>& actual,
                              const std::string& text) = 0;
  virtual void on_message(connection_id id, message::any&& what) = 0;
  // Once, after on_open, when the other side or the network ended it. Not after our own `close`.
  virtual void on_closed(connection_id id, const std::string& why) = 0;
  // So many bytes of stream_data have left the queue of an open connection since the last call. A
  // sender keeps at most limits::stream_lane_bytes of them in the queue, and one frame.
  virtual void on_drained(connection_id id, std::size_t bytes) = 0;
  // An open connection of our own, whose secret or certificate is out of use: what is under way on
  // it goes on for a while, then on_closed follows. New things are for a new connection.
  virtual void on_retired(connection_id /*id*/) {}
};

class transport {
 public:
  virtual ~transport() = default;

  // Who we say we are in handshakes from now on. Existing connections are closed without a word to
  // the listener: they belonged to somebody who is no more.
  virtual void assume(const peer& self) = 0;

  // Starts to connect; answers with on_open or on_dial_failed, within `patience`. `expected` is the
  // incarnation that must answer; empty accepts anybody of the group.
  virtual connection_id dial(const std::string& address, const incarnation& expected,
                             nanoseconds patience) = 0;

  // Queues a message on an open connection; false if it is not open, or its queue is full (the
  // message is then certainly not sent). True promises nothing about arrival.
  [[nodiscard]] virtual bool send(connection_id id, const message::any& what) = 0;

  // Whether streams are open on it: then it is in use, however silent it is.
  virtual void set_busy(connection_id id, bool busy) = 0;

  // Sends what is queued, then closes; the id is void at once. Also gives up a dial.
  virtual void close(connection_id id) = 0;
};

}  // namespace hedgerow::ports
