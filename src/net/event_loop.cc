#include "net/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "net/loop_impl.h"

namespace hedgerow::net {

boot_time boot_now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return {now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

event_loop::impl::own_handle::own_handle(poller& sockets, int handle, const char* what,
                                         std::function<void()> ready)
    : sockets_(sockets), handle_(handle), ready_(std::move(ready)) {
  int wrong = handle_ < 0 ? errno : 0;
  if (wrong == 0) wrong = sockets_.add(handle_, slot_);
  if (wrong != 0) {
    if (handle_ >= 0) ::close(handle_);
    throw std::system_error(wrong, std::system_category(), what);
  }
  sockets_.serve(slot_, {std::shared_ptr<void>(), this});  // it is not owned there
  sockets_.want_read(slot_);
}

event_loop::impl::own_handle::~own_handle() {
  sockets_.remove(slot_);
  ::close(handle_);
}

void event_loop::impl::own_handle::on_readable() {
  sockets_.want_read(slot_);
  std::uint64_t count = 0;
  // Nothing to read: a timer that was armed anew since.
  if (read(handle_, &count, sizeof count) > 0) ready_();
}

event_loop::impl::impl()
    : alarm(sockets, timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create",
            [this] { on_alarm(); }),
      bell(sockets, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd", [] {}) {}

event_loop::impl::~impl() = default;

void event_loop::impl::run() {
  thread = std::this_thread::get_id();
  while (!stopped)
    round(-1);
  thread = std::thread::id();
}

void event_loop::impl::run_once(nanoseconds at_most) {
  constexpr std::int64_t ms = 1'000'000;
  const std::int64_t whole = at_most.count() / ms + (at_most.count() % ms > 0 ? 1 : 0);
  thread = std::this_thread::get_id();
  if (!stopped) {
    round(static_cast<int>(std::clamp<std::int64_t>(whole, 0, std::numeric_limits<int>::max())));
  }
  thread = std::thread::id();
}

void event_loop::impl::stop() {
  stopped = true;
  const std::uint64_t one = 1;
  // It only fails where the bell rings already.
  [[maybe_unused]] const auto ignored = write(bell.get(), &one, sizeof one);
}

void event_loop::impl::round(int at_most_ms) {
  asleep = true;
  const std::size_t ready = sockets.wait(posted ? 0 : at_most_ms);
  asleep.store(false, std::memory_order_relaxed);
  // The alarm's own event may be behind those of a thousand busy sockets. Behind a single one it is
  // the next.
  busy = ready > 1;
  for (std::size_t i = 0; i < ready && !stopped; ++i)
    sockets.deliver(i, [this](const auto& call) { turn(call); });
  busy = false;
  if (posted && !stopped) run_inbox();
}

void event_loop::impl::post(std::function<void()> task) {
  {
    const std::lock_guard lock(inbox_mutex);
    inbox.push_back(std::move(task));
    posted = true;
  }
  // Between the loop's look at its inbox and its sleep: the bell is heard at once.
  if (!asleep || !asleep.exchange(false)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = write(bell.get(), &one, sizeof one);
}

void event_loop::impl::run_inbox() {
  {
    const std::lock_guard lock(inbox_mutex);
    std::swap(inbox, batch);
    posted = false;
  }
  turn([this] {
    for (const auto& task : batch)
      task();
  });
  batch.clear();
}

void event_loop::impl::end_turn() {
  const bool look = std::exchange(alarmed, false) || busy;
  if (look && on_wake && wanted <= boot_now()) {
    wanted = boot_time::never();
    ++depth;
    on_wake();
    --depth;
  }
  // What hooks call is no turn of its own: it would end within this end.
  ++depth;
  ending = true;
  for (std::size_t i = 0; i < hooks.size(); ++i)
    if (hooks[i] != no_hook) hooks[i]->on_turn_end();
  std::erase(hooks, no_hook);
  ending = false;
  --depth;
}

void event_loop::impl::wake_at(boot_time at) {
  wanted = at;
  // Called at nearly every event: a wake-up that moves later costs nothing now.
  if (wanted < armed) arm(wanted);
}

void event_loop::impl::arm(boot_time at) {
  armed = at;
  const std::int64_t ns = std::max<std::int64_t>(at.ns, 1);  // 0 would disarm
  itimerspec when{};
  when.it_value.tv_sec = ns / 1'000'000'000;
  when.it_value.tv_nsec = ns % 1'000'000'000;
  timerfd_settime(alarm.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void event_loop::impl::on_alarm() {
  armed = boot_time::never();
  const boot_time now = boot_now();
  while (!deadlines.empty() && deadlines.begin()->first.first <= now) {
    deadline& due = *deadlines.begin()->second;
    const auto who = due.who_.lock();
    due.cancel();
    if (who) who->on_due();
  }
  alarmed = wanted <= now;  // at the end of this turn
  boot_time next = alarmed ? boot_time::never() : wanted;
  if (!deadlines.empty()) next = std::min(next, deadlines.begin()->first.first);
  if (next < armed) arm(next);
}

void deadline::set(boot_time at, std::weak_ptr<waiter> who) {
  cancel();
  who_ = std::move(who);
  key_ = {at, ++loop_.last_deadline};
  loop_.deadlines.emplace(key_, this);
  if (at < loop_.armed) loop_.arm(at);
}

void deadline::cancel() {
  loop_.deadlines.erase(key_);
  key_ = {boot_time::never(), 0};
}

event_loop::event_loop() : impl_(std::make_unique<impl>()) {}

event_loop::~event_loop() = default;

void event_loop::run() {
  impl_->run();
}

void event_loop::stop() {
  impl_->stop();
}

void event_loop::run_once(nanoseconds at_most) {
  impl_->run_once(at_most);
}

void event_loop::post(std::function<void()> task) {
  impl_->post(std::move(task));
}

void event_loop::dispatch(const std::function<void()>& task) {
  if (on_loop_thread()) {
    impl_->turn(task);
  } else {
    impl_->post(task);
  }
}

bool event_loop::on_loop_thread() const {
  return impl_->thread.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

void event_loop::on_wake(std::function<void()> callback) {
  impl_->on_wake = std::move(callback);
}

void event_loop::wake_at(boot_time at) {
  impl_->wake_at(at);
}

}  // namespace hedgerow::net
