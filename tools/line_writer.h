#pragma once
// Lines to a descriptor from a thread of their own: a reader, however slow, holds up nobody.

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>

namespace hedgerow::tools {

// Thread-safe. Each line is written at once and whole. What a stuck reader leaves unread is kept up
// to 64 MiB; lines beyond that are dropped.
class line_writer {
 public:
  // Does not own `fd`. `on_broken` is called once, on the writing thread, when nothing can be
  // written any more (the reader is gone, the disk is full); lines are dropped from then on. It is
  // not called after this has ended, which waits for it, and must not call this.
  explicit line_writer(int fd, std::function<void()> on_broken = {});
  // Does not wait: see drain.
  ~line_writer();
  line_writer(const line_writer&) = delete;
  line_writer& operator=(const line_writer&) = delete;

  void write(std::string_view line);  // without the newline; never blocks

  // That of write(2) which broke it; none as long as it is whole.
  std::error_code broken() const;

  // Waits until everything is written, the descriptor is broken, or the time is over.
  void drain(std::chrono::milliseconds patience);

 private:
  struct state;
  // Shared with the thread, which may hang in write() for longer than this object lives.
  std::shared_ptr<state> state_;
};

}  // namespace hedgerow::tools
