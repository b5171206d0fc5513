#pragma once
// What a connection still has to write: control frames before requests and replies, switched only
// at the border of a frame. Long payloads are shared, not copied.

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include <sys/uio.h>

#include "model/bytes.h"
#include "model/message.h"

namespace hedgerow::net {

class out_queue {
 public:
  // `bytes_max` bounds requests and replies; control has a bound of its own, so that beats and
  // probes still leave behind a full queue. A single message always fits an empty queue.
  out_queue(std::size_t payload_limit, std::size_t bytes_max)
      : payload_limit_(payload_limit), bytes_max_(bytes_max) {}

  // False if the queue is full, or the message cannot be encoded; it is then not queued.
  [[nodiscard]] bool push(const message::any& what);
  // A whole frame of the handshake.
  void push_frame(std::string frame);

  bool empty() const { return !current_ && control_.frames.empty() && bulk_.frames.empty(); }
  void clear();

  // What the other side makes us hold until it reads: all but the payloads of requests, which are
  // our own and may be shared with other queues.
  std::size_t held() const { return held_; }

  // The next bytes to write; returns how many pieces it has filled. Valid until the next change.
  std::size_t gather(std::span<iovec> pieces) const;
  // The first `count` gathered bytes have been written.
  void sent(std::size_t count);

 private:
  // One or more short frames in a piece, or one frame with a shared payload behind.
  struct chunk {
    std::string text;
    bytes payload;
    std::size_t done = 0;
    bool bulk = false;
    std::size_t held = 0;

    std::size_t size() const { return text.size() + as_view(payload).size(); }
  };
  struct lane {
    std::deque<chunk> frames;
    std::size_t bytes = 0;
  };

  void finish_current();

  std::size_t payload_limit_;
  std::size_t bytes_max_;
  std::optional<chunk> current_;  // written in part: nothing may go before its end
  lane control_;
  lane bulk_;
  std::size_t held_ = 0;
  std::string spare_;  // the memory of the last chunk that was written
};

}  // namespace hedgerow::net
