#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace hedgerow {

// Whoever passes waits until it is opened, for 20 s at most.
class gate {
 public:
  void pass() {
    std::unique_lock hold(lock_);
    ++waiting_;
    moved_.notify_all();
    moved_.wait_for(hold, std::chrono::seconds{20}, [this] { return open_; });
    --waiting_;
  }
  void open() {
    const std::lock_guard hold(lock_);
    open_ = true;
    moved_.notify_all();
  }
  bool wait_for_somebody() {
    std::unique_lock hold(lock_);
    return moved_.wait_for(hold, std::chrono::seconds{20}, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex lock_;
  std::condition_variable moved_;
  int waiting_ = 0;
  bool open_ = false;
};

}  // namespace hedgerow
