#pragma once
// The store port for one group or one lock, over the connections that it shares with others.

#include <functional>
#include <memory>

#include "ports/store.h"
#include "store/lanes.h"

namespace hedgerow::store {

class row_store final : public ports::store {
 public:
  // `listener` must outlive the store. `post` brings a call to the loop's thread: called from any
  // thread, it must not block and must not call within itself; not called any more once the store
  // is gone.
  row_store(std::shared_ptr<lanes> over, row_key key, ports::store_listener* listener,
            std::function<void(std::function<void()>)> post)
      : lanes_(std::move(over)),
        key_(std::move(key)),
        replies_(std::make_shared<reply_line>(listener, std::move(post))) {}

  // On the loop's thread, or when the loop has ended. Nothing is posted and no reply comes after
  // it; what was queued is not executed.
  ~row_store() override { close(); }
  void close() { replies_->close(); }

  void submit(ports::request_id id, ports::lease_request request, nanoseconds patience) override {
    lanes_->submit(key_, id, std::move(request), patience, replies_);
  }
  void submit(ports::request_id id, ports::view_request request, nanoseconds patience) override {
    lanes_->submit(key_, id, std::move(request), patience, replies_);
  }

 private:
  std::shared_ptr<lanes> lanes_;
  row_key key_;
  std::shared_ptr<reply_line> replies_;
};

}  // namespace hedgerow::store
