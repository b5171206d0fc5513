#pragma once
// One end of a stream as its user holds it: between the user's threads and the loop.
//
// What the user writes and has read is gathered here under a lock, and taken by the loop in one
// piece; a burst of writes costs one post. Callbacks run on the loop, without the lock.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hedgerow/stream.h>

#include "core/messaging/streams.h"
#include "model/message.h"

namespace hedgerow {

class stream_hub;

// From a cell to the hub, which may be gone.
struct stream_gate {
  std::mutex lock;
  stream_hub* hub = nullptr;  // guarded by lock
  bool refusing = false;      // guarded by lock; no new streams

  // Whether the caller is the loop itself: then it must not block.
  bool on_loop();
};

class stream::cell : public std::enable_shared_from_this<cell> {
 public:
  struct setup {
    std::shared_ptr<stream_gate> gate;
    std::size_t message_bytes_max = 0;
    bool opener = false;
    std::map<std::string, std::string> metadata;
    boot_time deadline = boot_time::never();
    // Whether this node may act under a token now; empty: it need not be asked.
    std::function<bool(fencing_token)> may_act;
  };

  explicit cell(setup with) : with_(std::move(with)) {}

  // Of the loop: 0 until it is open, or from its offer on.
  core::stream_id id = 0;
  // What the user's handles share; made with the first of them. Of the loop, once it is opened.
  std::weak_ptr<void> handles;
  void call_back(stream_events with);
  const stream_events& events() const { return events_; }  // the loop's

  // The user's side; see stream.
  result<bool> write(const slice& data, bool may_block);
  void finish();
  void cancel(message::stream_code code, std::string_view reason);
  result<std::optional<std::string>> read();
  stream_end wait();
  std::optional<stream_end> ended() const;
  std::uint64_t written() const;
  std::uint64_t acknowledged() const;
  std::string peer() const;
  fencing_token token() const;
  const std::map<std::string, std::string>& metadata() const { return with_.metadata; }
  std::chrono::nanoseconds remaining() const;
  // Its last handle is gone: it is cancelled unless its callbacks see to it.
  void abandon();
  // Its handler has returned a value.
  void handler_returned();

  // The loop's side.
  struct piece {
    slice data;
    std::uint64_t messages = 0;
  };
  struct news {
    std::vector<piece> pieces;
    std::uint64_t consumed = 0;
    std::size_t consumed_bytes = 0;
    bool finish = false;
    std::optional<std::pair<message::stream_code, std::string>> cancel;
  };
  news take_news();
  void opened(const std::string& from, fencing_token token);
  // Returns how many messages are consumed at once, and their bytes.
  std::pair<std::uint64_t, std::size_t> arrived(stream& self, slice&& block, bool framed);
  void peer_finished();
  // Whether on_writable is due.
  bool taken(std::size_t count);
  void acknowledged_up_to(std::uint64_t messages);
  // False if it had ended already.
  bool end(const stream_end& how);

 private:
  struct received {
    slice rest;
    bool framed = false;
  };

  // With the lock held. The plan is carried out without it, by go().
  [[nodiscard]] bool plan();
  void go(bool planned);
  void append(const slice& data);
  void close_block();
  std::string pop();
  bool is_open() const;
  bool room_for(std::size_t size) const;
  void wait_for_room(std::unique_lock<std::mutex>& hold, std::size_t size);
  void settle_read();
  void tell_read(std::unique_lock<std::mutex>& hold);
  [[nodiscard]] bool drop_unread();
  void abort(message::stream_code code, std::string_view reason);

  const setup with_;
  stream_events events_;
  std::atomic<bool> over_{false};  // ended, or cancelled here: no more callbacks of messages

  mutable std::mutex lock_;
  std::condition_variable changed_;
  // Guarded by lock_, all below.
  std::string block_;  // short messages, each behind its length
  std::uint64_t block_messages_ = 0;
  std::vector<piece> out_;
  std::size_t buffered_ = 0;  // written, and not taken by the connection
  std::uint64_t written_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::vector<received> in_;
  std::size_t in_at_ = 0;
  std::optional<std::size_t> reading_;  // bytes of the message that the user has
  std::uint64_t consumed_ = 0;
  std::size_t consumed_bytes_ = 0;
  std::optional<std::pair<message::stream_code, std::string>> cancel_;
  std::optional<stream_end> end_;
  std::string peer_;
  fencing_token token_ = 0;
  bool planned_ = false;
  bool room_wanted_ = false;
  bool finish_ = false;        // the user has
  bool finish_taken_ = false;  // and the loop knows
  bool peer_finished_ = false;
  bool returned_ = false;
  bool calls_back_ = false;  // messages go to on_message
  bool goes_alone_ = false;  // its callbacks see to it, whoever holds a handle
};

}  // namespace hedgerow
