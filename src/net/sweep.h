#pragma once
// Runs a piece of work every second for as long as there is something to look after: an idle
// transport wakes nobody.

#include <functional>
#include <memory>

#include "net/loop_impl.h"

namespace hedgerow::net {

class sweep final : public waiter, public std::enable_shared_from_this<sweep> {
 public:
  // `work` says whether it wants to run again. `paused`: this process did not run for a while
  // before, so that what it has not heard proves nothing.
  sweep(event_loop::impl& loop, nanoseconds period, std::function<bool(bool paused)> work);

  void want();
  // In a turn of its own, as soon as this one is over.
  void soon();
  void stop();

 private:
  void on_due() override;

  event_loop::impl& loop_;
  nanoseconds period_;
  std::function<bool(bool)> work_;
  deadline deadline_;
  boot_time due_ = boot_time::never();
  bool waiting_ = false;
  bool posted_ = false;
};

}  // namespace hedgerow::net
