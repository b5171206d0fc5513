#pragma once
// From the workers of a store, which may outlive it, to its loop, which may outlive it too.

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "ports/store.h"

namespace hedgerow::store {

class reply_line : public std::enable_shared_from_this<reply_line> {
 public:
  // `post` brings a call to the loop's thread.
  reply_line(ports::store_listener* listener, std::function<void(std::function<void()>)> post)
      : listener_(listener), post_(std::move(post)) {}

  // From any thread.
  void send(ports::request_id id, ports::lease_reply reply) {
    post([id, reply = std::move(reply)](auto& to) { to.on_lease_reply(id, reply); });
  }
  void send(ports::request_id id, ports::view_reply reply) {
    post([id, reply = std::move(reply)](auto& to) { to.on_view_reply(id, reply); });
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return !post_;
  }
  // On the loop's thread. Nothing is posted or delivered afterwards.
  void close() {
    const std::lock_guard lock(mutex_);
    post_ = nullptr;
    listener_ = nullptr;
  }

 private:
  template <class Deliver>
  void post(Deliver deliver) {
    const std::lock_guard lock(mutex_);
    if (!post_) return;
    post_([self = shared_from_this(), deliver = std::move(deliver)] {
      if (self->listener_ != nullptr) deliver(*self->listener_);
    });
  }

  ports::store_listener* listener_;  // read and written on the loop's thread only
  mutable std::mutex mutex_;         // protects post_
  std::function<void(std::function<void()>)> post_;
};

}  // namespace hedgerow::store
