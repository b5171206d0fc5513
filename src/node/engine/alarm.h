#pragma once
// The one wake-up that an engine asks of its timers, and asks for again only when it must.

#include "base/mutant.h"
#include "model/time.h"
#include "ports/timers.h"

namespace hedgerow::engine {

class alarm {
 public:
  explicit alarm(ports::timers& timers) : timers_(timers) {}

  // What was asked for last; never: nothing.
  boot_time at() const { return at_; }
  void set(boot_time at) {
    if (at != at_ || used_up_) timers_.wake_at(at);
    at_ = at;
    used_up_ = false;
  }
  // It rings no more, not even at the instant that it was set to: it may have been early by the
  // timer's resolution.
  void rang() { used_up_ = !HEDGEROW_MUTANT(early_alarm_is_lost); }

 private:
  ports::timers& timers_;
  boot_time at_ = boot_time::never();
  bool used_up_ = false;
};

}  // namespace hedgerow::engine
