#include "store/sqlite/change_watch.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace hedgerow::store::sqlite {
namespace {

// After the last write that was seen. A sync takes from less than one to some ten milliseconds.
constexpr std::array<int, 3> gaps_ms{3, 12, 48};
constexpr int for_ever = -1;

}  // namespace

std::unique_ptr<change_watch> change_watch::open(const std::filesystem::path& file,
                                                 std::function<void()> on_change) {
  // The log lies beside the file to which the path leads.
  std::error_code failed;
  const auto real = std::filesystem::canonical(file, failed);
  if (failed) return nullptr;
  const int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (events < 0) return nullptr;
  const int stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // The folder, because the log itself comes and goes.
  if (stop < 0 || inotify_add_watch(events, real.parent_path().c_str(), IN_MODIFY) < 0) {
    ::close(events);
    if (stop >= 0) ::close(stop);
    return nullptr;
  }
  try {
    // std::make_unique could not see the constructor.
    return std::unique_ptr<change_watch>(
        new change_watch(events, stop, real.filename().native() + "-wal", std::move(on_change)));
  } catch (const std::system_error&) {  // no thread
    ::close(events);
    ::close(stop);
    return nullptr;
  }
}

change_watch::change_watch(int events, int stop, std::string log_name,
                           std::function<void()> on_change)
    : events_(events),
      stop_(stop),
      log_name_(std::move(log_name)),
      on_change_(std::move(on_change)),
      thread_([this] { run(); }) {}

change_watch::~change_watch() {
  eventfd_write(stop_, 1);
  thread_.join();
  ::close(events_);
  ::close(stop_);
}

// Whether the log was among what was written to. Takes all that there is, so that a burst is one.
bool change_watch::take_events() const {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool written = false;
  for (;;) {
    const ssize_t n = ::read(events_, buffer.data(), buffer.size());
    if (n <= 0) return written;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(n);) {
      inotify_event head;
      std::memcpy(&head, buffer.data() + at, sizeof head);
      const char* name = buffer.data() + at + sizeof head;
      const bool lost_some = (head.mask & IN_Q_OVERFLOW) != 0;
      if (lost_some || (head.len > 0 && log_name_ == name)) written = true;
      at += sizeof head + head.len;
    }
  }
}

void change_watch::run() {
  std::size_t calls = gaps_ms.size();  // since the last write
  for (;;) {
    std::array<pollfd, 2> fds{{{stop_, POLLIN, 0}, {events_, POLLIN, 0}}};
    // Events that come within a gap wait for its end: that is what limits the rate.
    const bool resting = calls < gaps_ms.size();
    poll(fds.data(), resting ? 1 : 2, resting ? gaps_ms.at(calls) : for_ever);
    if ((fds[0].revents & POLLIN) != 0) return;
    if (take_events()) {
      if (resting) on_change_();
      calls = 0;
    } else if (resting) {
      ++calls;
      on_change_();
    }
  }
}

}  // namespace hedgerow::store::sqlite
