#pragma once
// A socket on the loop: it owns the descriptor, and the loop tells its waiter when it is ready.

#include <memory>
#include <utility>

#include <tl/expected.hpp>

#include "net/loop_impl.h"

namespace hedgerow::net {

// A non-blocking TCP socket that programs started later do not inherit; -1 and errno.
int open_socket(int family);

class loop_socket {
 public:
  loop_socket() = default;  // closed
  loop_socket(loop_socket&& other) noexcept
      : loop_(other.loop_), handle_(std::exchange(other.handle_, -1)), slot_(other.slot_) {}
  loop_socket& operator=(loop_socket&& other) noexcept {
    close();
    loop_ = other.loop_;
    handle_ = std::exchange(other.handle_, -1);
    slot_ = other.slot_;
    return *this;
  }
  ~loop_socket() { close(); }

  // Of a non-blocking descriptor, which it closes in the end. On an error (errno) it stays open and
  // the caller's.
  static tl::expected<loop_socket, int> adopt(event_loop::impl& loop, int handle);

  bool is_open() const { return handle_ >= 0; }
  int handle() const { return handle_; }

  // Who hears of it, and lives until it is closed or another one does.
  void serve(std::shared_ptr<waiter> who) { loop_->sockets.serve(slot_, std::move(who)); }
  // For one time: waiting does not try. Requires: open.
  void want_read() { loop_->sockets.want_read(slot_); }
  void want_write() { loop_->sockets.want_write(slot_); }

  void close();

 private:
  event_loop::impl* loop_ = nullptr;
  int handle_ = -1;
  poller::slot slot_ = 0;
};

}  // namespace hedgerow::net
