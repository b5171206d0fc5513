#include "tools/line_writer.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "tools/output.h"

namespace hedgerow::tools {
namespace {

constexpr std::size_t pending_bytes_max = 64 * 1024 * 1024;

}  // namespace

struct line_writer::state {
  int fd = -1;
  std::function<void()> on_broken;
  std::mutex mutex;
  std::condition_variable changed;
  std::string pending;
  bool writing = false;
  std::error_code broken;
  bool finished = false;

  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      changed.wait(lock, [this] { return finished || !pending.empty(); });
      if (pending.empty()) return;
      const std::string chunk = std::exchange(pending, {});
      writing = true;
      lock.unlock();
      const std::error_code why = write_all(fd, chunk);
      lock.lock();
      writing = false;
      broken = why;
      changed.notify_all();
      if (broken) break;
    }
    pending.clear();
    // Under the mutex: what it refers to may be gone as soon as the writer is.
    if (on_broken && !finished) on_broken();
  }
};

line_writer::line_writer(int fd, std::function<void()> on_broken)
    : state_{std::make_shared<state>()} {
  state_->fd = fd;
  state_->on_broken = std::move(on_broken);
  std::thread{[shared = state_] { shared->run(); }}.detach();
}

line_writer::~line_writer() {
  const std::lock_guard lock{state_->mutex};
  state_->finished = true;
  state_->changed.notify_all();
}

void line_writer::write(std::string_view line) {
  const std::lock_guard lock{state_->mutex};
  if (state_->broken || state_->pending.size() + line.size() > pending_bytes_max) return;
  state_->pending.append(line).push_back('\n');
  state_->changed.notify_all();
}

std::error_code line_writer::broken() const {
  const std::lock_guard lock{state_->mutex};
  return state_->broken;
}

void line_writer::drain(std::chrono::milliseconds patience) {
  std::unique_lock lock{state_->mutex};
  state_->changed.wait_for(lock, patience, [this] {
    return state_->broken || (state_->pending.empty() && !state_->writing);
  });
}

}  // namespace hedgerow::tools
