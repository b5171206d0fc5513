#pragma once
// One sequence of lines into several streams, none of which holds up the others.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <hedgerow/stream.h>

namespace hedgerow::tools {

// The fastest stream sets the pace. Lines for a slower one wait here, shared by all, up to a limit.
// Then the others wait for it, for a second in all of its life; then it is cancelled, as one that
// does not keep up. Thread-safe; has a thread for each stream.
class stream_feed {
 public:
  stream_feed(std::vector<stream> to, std::size_t waiting_bytes_max);
  // The streams must have ended, or will: waits for the threads.
  ~stream_feed();
  stream_feed(const stream_feed&) = delete;
  stream_feed& operator=(const stream_feed&) = delete;

  // Blocks while no stream has room. False once all streams have ended.
  bool put(std::string line);
  // No more lines: each stream is finished behind its last.
  void finish();
  // Of a stream that has ended.
  void drop(std::size_t index);

 private:
  using text = std::shared_ptr<const std::string>;
  struct lane {
    stream to;
    bool live = true;
    std::deque<text> waiting{};
    std::size_t bytes = 0;  // of them, and of the one that is being written
    std::chrono::nanoseconds patience = std::chrono::seconds{1};
    std::thread writer{};
  };

  void end();
  void write_lines(lane& one);
  bool room(const lane& in, std::size_t cost) const;
  bool any_live() const;
  void make_room(std::unique_lock<std::mutex>& lock, lane& in, std::size_t cost);
  static void close(lane& one);

  const std::size_t waiting_bytes_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<lane> lanes_;  // guarded by mutex_, but for `to` and `writer`
  bool finished_ = false;    // guarded by mutex_
};

}  // namespace hedgerow::tools
