#include "net/sweep.h"

#include <utility>

namespace hedgerow::net {

sweep::sweep(event_loop::impl& loop, nanoseconds period, std::function<bool(bool)> work)
    : loop_(loop), period_(period), work_(std::move(work)), deadline_(loop) {}

void sweep::want() {
  if (waiting_ || !work_) return;
  waiting_ = true;
  due_ = boot_now() + period_;
  deadline_.set(due_, weak_from_this());
}

void sweep::soon() {
  if (std::exchange(posted_, true)) return;
  loop_.post([self = shared_from_this()] {
    self->posted_ = false;
    const auto work = self->work_;  // it may be stopped within
    if (work) work(false);
  });
}

void sweep::stop() {
  work_ = nullptr;
  deadline_.cancel();
}

void sweep::on_due() {
  waiting_ = false;
  const bool paused = boot_now() - due_ > period_;
  const auto work = work_;  // it may be stopped within
  if (work(paused)) want();
}

}  // namespace hedgerow::net
