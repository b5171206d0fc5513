#pragma once
// The thread that owns a node: tasks, one wake-up, and the sockets of its transports.

#include <functional>
#include <memory>

#include "model/time.h"
#include "ports/timers.h"

namespace hedgerow::net {

// CLOCK_BOOTTIME. Thread-safe.
boot_time boot_now() noexcept;

// Confined to the thread inside run(), except where a function says otherwise. Must outlive the
// transports on it. Never run it from within one of its own callbacks.
class event_loop final : public ports::timers {
 public:
  // Throws std::system_error if the process is out of descriptors.
  event_loop();
  ~event_loop() override;

  // Runs until stop(), which may also come first. What is queued then is dropped.
  void run();
  // Thread-safe; for good.
  void stop();
  // Waits at most this long, in whole milliseconds, for something to do, and does it. For programs
  // and tests with a loop of their own, in place of run().
  void run_once(nanoseconds at_most);

  // Queues a task behind all others. Thread-safe. Many posts between two turns cost one wake-up.
  void post(std::function<void()> task);
  // Runs it at once on the loop's thread, else posts it. Thread-safe.
  void dispatch(const std::function<void()>& task);
  // Thread-safe.
  bool on_loop_thread() const;

  // What a wake-up calls. Set before the first wake_at.
  void on_wake(std::function<void()> callback);
  // Cheap if it does not come earlier than the wake-up that is set: that one then fires in vain.
  // Time asleep in suspend counts.
  void wake_at(boot_time at) override;

  struct impl;  // for the drivers in this folder
  impl& internals() { return *impl_; }

 private:
  std::unique_ptr<impl> impl_;
};

}  // namespace hedgerow::net
