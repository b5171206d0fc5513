#pragma once
// Streams: two-way sequences of messages, to the leader or to one member.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/member.h>

namespace hedgerow {

// How one side's end of a stream ended.
struct stream_end {
  // A value: both sides finished, and each has consumed all of the other. Else what broke it:
  //   no_leader, not_executed, overloaded, invalid_argument: no message was consumed; a handler may
  //     have been started, and saw the end; stopped, too_large: or it was ended later for that;
  //   leadership_lost, cancelled, timed_out, handler_failed, outcome_unknown (the connection was
  //     lost): the first `acknowledged` messages are consumed, the rest may have been.
  result<void> outcome;
  // So many of the messages written here, from the first, has the other side's user consumed for
  // certain: go on behind them.
  std::uint64_t acknowledged = 0;
};

class stream;

// Called on the loop's thread, never concurrently, not from within a call of the stream's: must not
// block; may call whatever does not block. All may be empty.
struct stream_events {
  std::function<void(stream&)> on_open;  // taken by the other side; only for its opener
  // The view is valid until return; the message then counts as consumed. Without this callback
  // messages wait for read().
  std::function<void(stream&, std::string_view message)> on_message;
  std::function<void(stream&)> on_finished;  // the other side writes no more
  std::function<void(stream&)> on_writable;  // there is room again after a try_write without
  std::function<void(stream&, std::uint64_t messages)> on_acknowledged;  // see stream_end
  std::function<void(stream&, const stream_end&)> on_end;                // once, the last
};

struct stream_options {
  std::map<std::string, std::string> metadata{};  // up to 64 entries, and 8 KiB in all
  std::chrono::milliseconds opening{5000};    // until a leader, or the member, must have taken it
  std::chrono::milliseconds timeout{0};       // until it must have ended; 0 is no limit
  std::chrono::milliseconds idle_timeout{0};  // without data in either direction; 0 is no limit
  stream_events events{};
};

// One end of a stream; a handle, cheap to copy. Thread-safe. When the last handle to an end without
// on_message and on_end goes, the stream is cancelled if it has not ended. May outlive its node or
// client.
//
// Messages have up to the group's payload limit (4 MiB unless the options say otherwise), arrive in
// order and once, or the stream ends. A stream to the leader ends when the node that has taken it
// may not act any more.
class stream {
 public:
  stream() = default;  // no stream: only for assignment

  // Blocks while 256 KiB wait to leave (a longer message leaves alone); not on the loop's thread.
  // Success promises nothing but the order: see stream_end::acknowledged. Errors: too_large,
  // invalid_argument (finished, or on the loop's thread), or what ended the stream.
  result<void> write(std::string_view message);
  // The same without a copy.
  result<void> write(std::shared_ptr<const std::string> message);
  // Never block; false: no room, nothing was written, on_writable will be called.
  result<bool> try_write(std::string_view message);
  result<bool> try_write(std::shared_ptr<const std::string> message);
  // This side writes no more; what was written is still delivered.
  void finish();
  // Ends both directions at once. The other side is told the reason (at most 4 KiB of it).
  void cancel(std::string_view reason);

  // Blocks for the next message; without a value once the other side has finished and everything is
  // read. A message counts as consumed at the next read() or wait(), when the handler that has read
  // it returns, or when all is read and a write waits for room. On the node that leads a stream to
  // the leader is read only while it may act (R1). Errors: what ended the stream (its opener first
  // gets what had arrived); invalid_argument on the loop's thread, or with on_message.
  result<std::optional<std::string>> read();
  // Blocks until the stream has ended; what has arrived and is not read holds up a clean end. Not
  // on the loop's thread.
  stream_end wait();
  // How it ended, if it has.
  std::optional<stream_end> ended() const;

  std::uint64_t written() const;       // messages
  std::uint64_t acknowledged() const;  // of them; see stream_end
  // Of the other side: the name of the node that has taken it, once it has; for a stream that was
  // taken here, of its opener, empty for a client.
  std::string peer() const;
  // The token under which it was taken: of the lease, or for a stream to a member of the view.
  // 0: not taken yet.
  fencing_token token() const;
  const std::map<std::string, std::string>& metadata() const;
  // Until its deadline; max() if it has none.
  std::chrono::nanoseconds remaining() const;

  // Of the library's own making.
  class cell;
  explicit stream(std::shared_ptr<cell> c);

 private:
  std::shared_ptr<cell> cell_;
};

// One member's stream of several that were opened together.
struct member_stream {
  std::string name;
  hedgerow::incarnation incarnation;
  hedgerow::stream stream;
};

// What to do with streams that others open to this node.
struct stream_handler {
  // On a thread of its own while it runs, of at most options::stream_threads; further streams are
  // refused as overloaded. When it returns a value the stream is finished, and what is unread
  // discarded; an error, or an exception, ends it with handler_failed for the opener.
  std::function<result<void>(stream&)> call;
  // Instead: on the loop, once for each stream, says which callbacks it gets. Must not block.
  std::function<stream_events(stream&)> accept;

  static stream_handler on_thread(std::function<result<void>(stream&)> f) {
    return {std::move(f), nullptr};
  }
  static stream_handler non_blocking(std::function<stream_events(stream&)> f) {
    return {nullptr, std::move(f)};
  }
};

}  // namespace hedgerow
