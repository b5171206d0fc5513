#include "tools/line_writer.h"

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

constexpr std::size_t pending_bytes_max = 64 * 1024 * 1024;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // inherited as non-blocking
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

struct line_writer::state {
  int fd = -1;
  std::function<void()> on_broken;
  std::mutex mutex;
  std::condition_variable changed;
  std::string pending;
  bool writing = false;
  bool broken = false;
  bool finished = false;

  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      changed.wait(lock, [this] { return finished || !pending.empty(); });
      if (pending.empty()) return;
      const std::string chunk = std::exchange(pending, {});
      writing = true;
      lock.unlock();
      const bool written = write_all(fd, chunk);
      lock.lock();
      writing = false;
      if (!written) {
        broken = true;
        pending.clear();
      }
      changed.notify_all();
      if (broken) break;
    }
    lock.unlock();
    if (on_broken) on_broken();
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

void line_writer::drain(std::chrono::milliseconds patience) {
  std::unique_lock lock{state_->mutex};
  state_->changed.wait_for(lock, patience, [this] {
    return state_->broken || (state_->pending.empty() && !state_->writing);
  });
}

}  // namespace hedgerow::tools
