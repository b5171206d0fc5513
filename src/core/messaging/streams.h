#pragma once
// The streams that this node or client takes part in, on either side.
//
// Pure. Between the user's end, which writes and consumes whole messages, and connections, which
// carry frames of bytes. Each end ends exactly once, by `ended`, whatever happens to the other.
//
// Back-pressure. A receiver promises each stream a window: what it may be sent and has not consumed
// yet. Windows begin small, double while they are used up and half of the connection's bytes are
// not promised, and reach as far as a long message needs, until it is consumed. All windows of a
// connection together stay within `connection_bytes`; a stream that does not fit is refused, a long
// message waits until others of the connection have consumed theirs. A promise is never taken back,
// so a reader that stops stops its own writer alone.
//
// Positions. Messages are counted from the first in each direction; `consumed` of the other side
// says how many its user is through with. It is told at once when it moves the window by half, else
// within 5 ms, and with the end of the stream.
//
// Leadership. A stream to the leader is taken under a token, and ends with it: nothing is handed to
// the user of a node that may not act under that token (R1).

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <hedgerow/stream.h>

#include "base/fifo.h"
#include "core/messaging/calls.h"
#include "core/messaging/stream_end.h"
#include "model/limits.h"
#include "model/message.h"

namespace hedgerow::core {

using stream_id = std::uint64_t;  // of one end; never reused

// Both ends of a stream to oneself are here, on these instead of a connection: what is sent on one
// arrives at the other.
inline constexpr std::uint64_t local_opener = UINT64_MAX - 1;
inline constexpr std::uint64_t local_acceptor = UINT64_MAX;

// What somebody has opened to this node.
struct stream_offer {
  message::request_kind kind = message::request_kind::send;
  std::string from;
  fencing_token token = 0;
  boot_time deadline = boot_time::never();
  std::map<std::string, std::string> metadata;
  std::uint64_t connection = 0;  // on which it came; local_acceptor: from this node itself
};

namespace stream_effect {

// A connection is wanted; tell on_connected or on_unreachable.
struct connect {
  target to;
};
// Carry this on an open connection. Fails only if the connection is about to end.
struct transmit {
  std::uint64_t connection = 0;
  message::any what;
};
struct busy {
  std::uint64_t connection = 0;
  bool now = false;
};
// Comes before the other side is told that it is taken: until then the user may refuse it.
struct offered {
  stream_id id = 0;
  stream_offer what;
};
// The other side has taken it.
struct opened {
  stream_id id = 0;
  std::string from;
  fencing_token token = 0;
};
// Whole messages for the user, who owes consumed(). `framed`: any number, each behind its length;
// else exactly one, without.
struct arrived {
  stream_id id = 0;
  slice block;
  bool framed = false;
};
// The other side writes no more.
struct finished {
  stream_id id = 0;
};
// So many written bytes have left for the connection.
struct taken {
  stream_id id = 0;
  std::size_t bytes = 0;
};
struct acknowledged {
  stream_id id = 0;
  std::uint64_t messages = 0;
};
// The last word of an end.
struct ended {
  stream_id id = 0;
  hedgerow::stream_end how;
};
using any = std::variant<connect, transmit, busy, offered, opened, arrived, finished, taken,
                         acknowledged, ended>;

}  // namespace stream_effect

using stream_effects = std::vector<stream_effect::any>;

// As the user asks for it, checked by the caller.
struct stream_request {
  message::request_kind kind = message::request_kind::send;
  std::optional<target> to;                 // broadcast: its member
  boot_time opening_deadline;               // until it must have been taken
  boot_time deadline = boot_time::never();  // until it must have ended
  nanoseconds idle{};                       // 0: any is fine
  std::map<std::string, std::string> metadata;
};

class streams {
 public:
  struct settings {
    std::string name;  // of the node; empty for a client
    std::size_t message_bytes_max = limits::payload_bytes_default;
    std::size_t connection_bytes = limits::stream_windows_max;
  };

  explicit streams(settings with) : with_(std::move(with)) {}

  // For one open(). It stays the caller's, whatever is offered to this node before that.
  stream_id new_id() { return ++last_id_; }

  // The user's end. What is said about an end that has ended is ignored.
  void open(boot_time now, stream_id id, stream_request&& what, stream_effects& out);
  // The next bytes of the sequence, which end `messages` messages.
  void write(boot_time now, stream_id id, slice bytes, std::uint64_t messages, stream_effects& out);
  void finish(boot_time now, stream_id id, stream_effects& out);
  // Ends it, for the other side with this code and text.
  void cancel(boot_time now, stream_id id, message::stream_code code, const std::string& text,
              stream_effects& out);
  // The user is through with so many more messages, of so many bytes without their lengths.
  void consumed(boot_time now, stream_id id, std::uint64_t messages, std::size_t bytes,
                stream_effects& out);

  // What this node may do now.
  struct authority {
    fencing_token acting = 0;  // of the lease under which it may act; 0: none (R1)
    bool member = false;       // in the view
    bool stopping = false;
    fencing_token view_token = 0;
    // For those that ask in vain; may be empty.
    hedgerow::incarnation leader;
    std::string leader_address;
  };
  void on_open(boot_time now, std::uint64_t connection, message::stream_open&& what,
               const authority& may, stream_effects& out);

  void on_leader(boot_time now, const std::optional<target>& leader, stream_effects& out);
  void on_connected(boot_time now, const incarnation& who, std::uint64_t connection,
                    stream_effects& out);
  // `gone`: nobody listens there, so that one member need not be tried again.
  void on_unreachable(boot_time now, const incarnation& who, const std::string& why, bool gone,
                      stream_effects& out);
  void on_connection_gone(boot_time now, std::uint64_t connection, const std::string& why,
                          stream_effects& out);
  void on_drained(boot_time now, std::uint64_t connection, std::size_t bytes, stream_effects& out);
  // `acting` as in authority, now: leader streams of another token end.
  void on_acting(boot_time now, fencing_token acting, stream_effects& out);

  void on_accept(boot_time now, std::uint64_t connection, message::stream_accept&& what,
                 stream_effects& out);
  void on_data(boot_time now, std::uint64_t connection, message::stream_data&& what,
               fencing_token acting, stream_effects& out);
  void on_credit(boot_time now, std::uint64_t connection, const message::stream_credit& what,
                 stream_effects& out);
  void on_finish(boot_time now, std::uint64_t connection, const message::stream_finish& what,
                 stream_effects& out);
  void on_reset(boot_time now, std::uint64_t connection, message::stream_reset&& what,
                stream_effects& out);

  void tick(boot_time now, stream_effects& out);
  // Ends all; new ones fail.
  void stop(boot_time now, stream_effects& out);

  boot_time next_wake() const;
  std::size_t open() const { return ends_.size(); }
  // Whether there is an end of this number on the connection.
  bool has(std::uint64_t connection, std::uint64_t stream) const;
  // All windows promised on a connection; at most `connection_bytes`.
  std::size_t promised(std::uint64_t connection) const;

 private:
  using end_state = stream_end_state;

  // A connection with streams, or with data of them in its queue.
  struct line {
    std::map<std::uint64_t, stream_id> streams;  // by their number on the wire
    base::fifo<stream_id> ready;                 // have something to send, and a window for it
    std::size_t queued = 0;                      // data bytes in the connection's queue
    std::size_t promised = 0;
    base::fifo<stream_id> starved;  // wait for a window as long as their message
  };

  end_state* find(stream_id id);
  end_state* find(std::uint64_t connection, std::uint64_t stream);

  // streams.cc: how an end begins.
  void attempt(end_state& e, stream_effects& out);
  std::vector<stream_id> take_awaiting(const incarnation& who);
  void ask(boot_time now, end_state& e, std::uint64_t connection, stream_effects& out);
  void take_back(end_state& e, const std::string& why, stream_effects& out);
  void look_again(boot_time now, end_state& e, const std::string& why, stream_effects& out);
  void turned_away(boot_time now, end_state& e, const message::stream_reset& why,
                   stream_effects& out);
  bool attach(end_state& e, std::uint64_t connection, std::uint64_t wire, stream_effects& out);
  void detach(end_state& e, stream_effects& out);

  // stream_ends.cc: how it ends.
  void reset(end_state& e, message::stream_code code, const std::string& text, stream_effects& out);
  void end(end_state& e, result<void> outcome, stream_effects& out);
  void end_unopened(end_state& e, stream_effects& out);
  void close_if_over(end_state& e, stream_effects& out);
  void confirm_finish(end_state& e, stream_effects& out);
  void schedule(end_state& e);
  void on_due(boot_time now, end_state& e, stream_effects& out);

  // stream_flow.cc: data, both ways.
  void make_ready(end_state& e);
  void pump(boot_time now, std::uint64_t connection, stream_effects& out);
  void send_one(boot_time now, end_state& e, line& on, stream_effects& out);
  bool take_whole(end_state& e, slice& rest, stream_effects& out);
  void take_part(boot_time now, end_state& e, slice& rest, stream_effects& out);
  bool begin_message(boot_time now, end_state& e, stream_effects& out);
  bool widen(end_state& e, std::size_t window);
  void grow(end_state& e);
  void settle_window(boot_time now, end_state& e, stream_effects& out);
  void feed_starved(line& on, stream_effects& out);
  void send_credit(end_state& e, stream_effects& out);
  void acknowledge_later(boot_time now, end_state& e);

  settings with_;
  bool stopped_ = false;
  stream_id last_id_ = 0;
  std::uint64_t last_wire_ = 0;
  std::optional<target> leader_;
  std::map<stream_id, end_state> ends_;
  std::set<stream_id> looking_;  // not on a connection yet
  // Of them, those that have asked for one; and some that do not want it any more.
  std::map<incarnation, std::vector<stream_id>> awaiting_;
  std::map<std::uint64_t, line> lines_;
  std::set<std::pair<boot_time, stream_id>> due_;
  std::vector<stream_id> unacknowledged_;
  boot_time acknowledge_at_ = boot_time::never();
};

}  // namespace hedgerow::core
