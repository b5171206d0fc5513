#pragma once
// What a connection still has to write, in three lanes: control before requests and replies, these
// before the data of streams; switched only at the border of a chunk. Long payloads are shared, not
// copied.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <sys/uio.h>

#include "base/fifo.h"
#include "model/bytes.h"
#include "model/message.h"

namespace hedgerow::net {

class out_queue {
 public:
  // `bytes_max` bounds requests and replies. The other lanes have bounds of their own, so that
  // beats and probes still leave behind a full queue: control 24 MiB, streams the data that
  // transport_listener::on_drained allows. A single message always fits an empty queue.
  out_queue(std::size_t payload_limit, std::size_t bytes_max)
      : payload_limit_(payload_limit), bytes_max_(bytes_max) {}

  // False if the queue is full, or the message cannot be encoded; it is then not queued.
  [[nodiscard]] bool push(const message::any& what);
  // A whole frame of the handshake.
  void push_frame(std::string frame);

  bool empty() const { return chunks_ == 0; }
  void clear();

  // What the other side makes us hold until it reads: all but the payloads of requests, which are
  // our own and may be shared with other queues.
  std::size_t held() const { return held_; }

  // The next bytes to write; returns how many pieces it has filled. Valid until the next change.
  std::size_t gather(std::span<iovec> pieces) const;
  // The first `count` gathered bytes have been written.
  void sent(std::size_t count);

  // Bytes of stream_data in chunks that have been written since take_drained().
  std::size_t drained() const { return drained_; }
  std::size_t take_drained() { return std::exchange(drained_, 0); }

 private:
  // One or more short frames in a piece, and the shared payload of the last, if it is long.
  struct chunk {
    std::string text;
    slice payload;
    std::size_t done = 0;
    message::lane lane = message::lane::control;
    std::size_t held = 0;
    std::size_t data = 0;  // of streams

    std::size_t size() const { return text.size() + payload.size(); }
  };
  struct queued {
    base::fifo<chunk> chunks;
    std::size_t bytes = 0;
  };

  queued& of(message::lane at) { return lanes_.at(static_cast<std::size_t>(at)); }
  const queued& of(message::lane at) const { return lanes_.at(static_cast<std::size_t>(at)); }
  bool has_room(message::lane at, std::size_t more, std::size_t data) const;
  bool advance(chunk& one, std::size_t& count);

  std::size_t payload_limit_;
  std::size_t bytes_max_;
  std::optional<chunk> current_;              // written in part: nothing may go before its end
  std::array<queued, message::lanes> lanes_;  // the most urgent first
  std::size_t chunks_ = 0;                    // all that are not written
  std::size_t held_ = 0;
  std::size_t data_ = 0;  // of streams, not written
  std::size_t drained_ = 0;
  std::string spare_;  // the memory of the last chunk that was written
};

}  // namespace hedgerow::net
