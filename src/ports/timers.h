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
  // When the loop last asked what has come: what came later waits, however old it is by the time
  // that it is heard. never(): a loop that hears all at once.
  virtual boot_time looked_at() const { return boot_time::never(); }
};

}  // namespace hedgerow::ports
