#pragma once
// The timer port: one wake-up, moved as needed.

#include "model/time.h"

namespace hedgerow::ports {

class timers {
 public:
  virtual ~timers() = default;
  // Calls the loop's `on_wake` at or after `at`; replaces the wake-up before. boot_time::never()
  // wants none. May be late, never relied upon for safety; may be early by the timer's resolution.
  virtual void wake_at(boot_time at) = 0;
};

}  // namespace hedgerow::ports
