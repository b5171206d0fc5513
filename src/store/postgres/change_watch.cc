#include "store/postgres/change_watch.h"

#include <atomic>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "store/patience.h"

namespace hedgerow::store::postgres {
namespace {

constexpr milliseconds connect_patience{2000};
constexpr milliseconds end_patience{200};
constexpr seconds between_connects{1};

}  // namespace

struct change_watch::state {
  state(const target& to, std::function<void()> tell) : in(to), on_change(std::move(tell)) {}

  void tell() {
    const std::lock_guard hold(lock);
    if (on_change) on_change();
  }
  // Whether there is something to hear.
  bool listen() {
    const boot_time deadline = boot_now() + connect_patience;
    if (!in.connect(deadline)) return false;
    const auto pooled = in.pooled(deadline);
    return pooled && !*pooled && in.run_script(fmt::format("LISTEN {}", lock_channel), deadline);
  }

  session in;
  std::atomic<bool> ended{false};
  std::mutex lock;
  std::function<void()> on_change;  // guarded by lock
};

change_watch::change_watch(std::shared_ptr<state> shared)
    : state_(std::move(shared)), thread_("hedgerow-watch", 1, [] {}) {
  thread_.submit({boot_time::never(), [shared = state_] { run(*shared); }, [](const auto&) {}});
}

std::unique_ptr<change_watch> change_watch::open(const target& to,
                                                 std::function<void()> on_change) {
  try {
    return std::unique_ptr<change_watch>(
        new change_watch(std::make_shared<state>(to, std::move(on_change))));
  } catch (const std::system_error&) {
    return nullptr;
  }
}

change_watch::~change_watch() {
  {
    const std::lock_guard hold(state_->lock);
    state_->on_change = nullptr;
  }
  state_->ended = true;
  state_->in.cancel();
  thread_.stop();
  thread_.join(boot_now() + end_patience);
}

void change_watch::run(state& shared) {
  while (!shared.ended) {
    if (shared.listen()) {
      shared.tell();  // of what came before
      while (!shared.ended && shared.in.alive()) {
        if (shared.in.wait_for_notification(boot_time::never())) shared.tell();
      }
    }
    shared.in.close();
    shared.in.rest(boot_now() + between_connects);
  }
}

}  // namespace hedgerow::store::postgres
