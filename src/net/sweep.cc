#include "net/sweep.h"

#include <utility>

namespace hedgerow::net {

sweep::sweep(event_loop::impl& loop, nanoseconds period, std::function<bool(bool)> work)
    : loop_(loop), period_(period), work_(std::move(work)), timer_(loop.context) {}

void sweep::want() {
  if (!waiting_ && work_) wait();
}

void sweep::soon() {
  if (std::exchange(posted_, true)) return;
  loop_.post([self = shared_from_this()] {
    self->posted_ = false;
    if (self->work_) self->work_(false);
  });
}

void sweep::stop() {
  work_ = nullptr;
  timer_.cancel();
}

void sweep::wait() {
  waiting_ = true;
  due_ = boot_now() + period_;
  timer_.expires_after(period_);
  timer_.async_wait([self = shared_from_this()](const boost_error& cancelled) {
    self->waiting_ = false;
    if (!cancelled && self->work_) self->run();
  });
}

void sweep::run() {
  const bool paused = boot_now() - due_ > period_;
  bool again = false;
  loop_.turn([&] { again = work_(paused); });
  if (again && work_) want();
}

}  // namespace hedgerow::net
