#include "net/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "net/asio.h"
#include "net/loop_impl.h"

namespace hedgerow::net {

boot_time boot_now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return {now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

event_loop::impl::impl() {
  const int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer < 0) throw std::system_error(errno, std::system_category(), "timerfd_create");
  alarm.assign(timer);
  wait_alarm();
}

void event_loop::impl::post(std::function<void()> task) {
  bool first = false;
  {
    const std::lock_guard lock(inbox_mutex);
    first = inbox.empty();
    inbox.push_back(std::move(task));
  }
  if (first) asio::post(context, [this] { run_inbox(); });
}

void event_loop::impl::run_inbox() {
  {
    const std::lock_guard lock(inbox_mutex);
    std::swap(inbox, batch);
  }
  turn([this] {
    for (const auto& task : batch)
      task();
  });
  batch.clear();
}

void event_loop::impl::end_turn() {
  // The alarm's own event may be behind those of a thousand busy sockets.
  if (on_wake && wanted <= boot_now()) {
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
  timerfd_settime(alarm.native_handle(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void event_loop::impl::wait_alarm() {
  alarm.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost_error& failed) {
    if (failed) return;
    on_alarm();
    wait_alarm();
  });
}

void event_loop::impl::on_alarm() {
  std::uint64_t fired = 0;
  // Nothing to read: it was armed anew since.
  if (read(alarm.native_handle(), &fired, sizeof fired) < 0) return;
  armed = boot_time::never();
  if (wanted <= boot_now()) {
    wanted = boot_time::never();
    if (on_wake) turn([this] { on_wake(); });
  } else if (wanted < armed) {
    arm(wanted);
  }
}

event_loop::event_loop() : impl_(std::make_unique<impl>()) {}

event_loop::~event_loop() = default;

void event_loop::run() {
  impl_->thread = std::this_thread::get_id();
  impl_->context.run();
  impl_->thread = std::thread::id();
}

void event_loop::stop() {
  impl_->context.stop();
}

void event_loop::run_once(nanoseconds at_most) {
  impl_->thread = std::this_thread::get_id();
  impl_->context.run_one_for(at_most);
  impl_->thread = std::thread::id();
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
