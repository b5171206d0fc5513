#pragma once
// Whether what has begun comes along: so many bytes in each window, or it is stalled. A slow link
// is not; who sends a byte a minute, or never reads, is.

#include <cstddef>

#include "model/time.h"

namespace hedgerow::net {

class progress {
 public:
  static constexpr std::size_t bytes_min = 16 * 1024;

  void idle() { since_ = boot_time::never(); }
  // Something is under way, and `bytes` of it have moved; 0 only begins.
  void moved(boot_time now, std::size_t bytes) {
    bytes_ += bytes;
    if (since_ != boot_time::never() && bytes_ < bytes_min) return;
    restart(now);
  }
  // After a time in which this process did not run.
  void restart(boot_time now) {
    since_ = now;
    bytes_ = 0;
  }

  bool active() const { return since_ != boot_time::never(); }
  // Since when the least progress is owed; never() when idle.
  boot_time since() const { return since_; }
  bool stalled(boot_time now, nanoseconds window) const {
    return active() && now - since_ >= window;
  }

 private:
  boot_time since_ = boot_time::never();
  std::size_t bytes_ = 0;
};

}  // namespace hedgerow::net
