#pragma once
// Runs a piece of work every second for as long as there is something to look after: an idle
// transport wakes nobody.

#include <functional>
#include <memory>

#include "net/asio.h"
#include "net/loop_impl.h"

namespace hedgerow::net {

class sweep : public std::enable_shared_from_this<sweep> {
 public:
  // `work` says whether it wants to run again. `paused`: this process did not run for a while
  // before, so that what it has not heard proves nothing.
  sweep(event_loop::impl& loop, nanoseconds period, std::function<bool(bool paused)> work);

  void want();
  // In a turn of its own, as soon as this one is over.
  void soon();
  void stop();

 private:
  void wait();
  void run();

  event_loop::impl& loop_;
  nanoseconds period_;
  std::function<bool(bool)> work_;
  asio::steady_timer timer_;
  boot_time due_ = boot_time::never();
  bool waiting_ = false;
  bool posted_ = false;
};

}  // namespace hedgerow::net
