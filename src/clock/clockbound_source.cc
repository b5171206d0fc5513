#include "clock/clockbound_source.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock/clockbound_segment.h"

namespace hedgerow::clock {
namespace {

constexpr int tries_max = 32;

using segment_copy = std::array<char, segment_v2_bytes>;

// The bytes that were there; -1 and errno.
ssize_t copy_segment(int fd, segment_copy& into) noexcept {
  ssize_t n = 0;
  do {
    n = pread(fd, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  // The next copy's loads stay behind this one's, also those that the kernel makes.
  std::atomic_thread_fence(std::memory_order_acquire);
  return n;
}

clock_bound read_open(int fd) noexcept {
  struct stat about {};
  if (fstat(fd, &about) != 0) return no_bound(bound_fault::unreadable, errno);
  if (!S_ISREG(about.st_mode)) return no_bound(bound_fault::unreadable, EINVAL);
  int refused = 0;
  for (int tries = 0; tries < tries_max; ++tries) {
    segment_copy one;
    segment_copy two;
    const ssize_t length = copy_segment(fd, one);
    const ssize_t again = copy_segment(fd, two);
    if (length < 0 || again < 0) return no_bound(bound_fault::unreadable, errno);
    const clock_bound found = decode_copies({one.data(), static_cast<std::size_t>(length)},
                                            {two.data(), static_cast<std::size_t>(again)});
    if (found.usable()) return found;
    // A file that is just being made anew gets a second chance.
    if (found.fault != bound_fault::being_written && ++refused == 2) return found;
    if (tries >= 4) sched_yield();
  }
  return no_bound(bound_fault::being_written);
}

clock_bound read_file(const std::string& path) noexcept {
  // A FIFO or a device at the path must not block.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return no_bound(errno == ENOENT ? bound_fault::missing : bound_fault::unreadable, errno);
  const clock_bound found = read_open(fd);
  close(fd);
  return found;
}

std::string words_of(int error) {
  return std::generic_category().message(error);
}

}  // namespace

bool nothing_known(const clock_bound& found) noexcept {
  return found.fault == bound_fault::unreadable &&
         (found.detail == EMFILE || found.detail == ENFILE || found.detail == ENOMEM);
}

clockbound_source::clockbound_source(clockbound_paths paths)
    : segments_(std::move(paths.segments)), vmclock_(std::move(paths.vmclock)) {}

clock_bound clockbound_source::read() noexcept {
  const int chosen = chosen_.load(std::memory_order_relaxed);
  clock_bound found = no_bound(bound_fault::missing);
  for (int i = 0; i < static_cast<int>(segments_.size()); ++i) {
    if (chosen >= 0 && chosen != i) continue;
    found = read_file(segments_[static_cast<std::size_t>(i)]);
    if (found.fault == bound_fault::missing) continue;
    if (!nothing_known(found)) chosen_.store(i, std::memory_order_relaxed);
    break;
  }
  if (!found.usable()) return found;
  if (found.ask_vmclock) vmclock_.open();
  std::int64_t measured = measured_ns_.load(std::memory_order_relaxed);
  while (
      measured < found.measured_ns &&
      !measured_ns_.compare_exchange_weak(measured, found.measured_ns, std::memory_order_relaxed)) {
  }
  found.measured_ns = std::max(found.measured_ns, measured);
  return found;
}

const std::string& clockbound_source::path() const {
  return segments_[static_cast<std::size_t>(std::max(chosen_.load(std::memory_order_relaxed), 0))];
}

std::string clockbound_source::explain_vmclock(bound_fault why) const {
  if (why == bound_fault::vmclock_changed)
    return "the machine was migrated or restored from a snapshot; trusted again once ClockBound "
           "has "
           "measured anew";
  const std::string& at = vmclock_.path();
  if (why == bound_fault::vmclock_busy)
    return fmt::format("{} is being updated by the hypervisor without end", at);
  const int error = vmclock_.open_error();
  if (why == bound_fault::vmclock_malformed || error == 0)
    return fmt::format("{} is not a VMClock of version 1, which ClockBound's segment asks for", at);
  return fmt::format(
      "ClockBound's segment asks for {}, which can't be read: {}; make it readable (chmod a+r, or "
      "in "
      "a container pass the device in), or run clockbound with --disable-clock-disruption-support",
      at, words_of(error));
}

std::string clockbound_source::explain(bound_fault why, std::int32_t detail) const {
  const std::string& at = path();
  switch (why) {
    case bound_fault::as_told:
      return "ClockBound says that it can't bound the clock's error now; is chronyd synchronized? "
             "See `chronyc tracking`";
    case bound_fault::expired:
      return fmt::format(
          "nobody has updated {} for so long that it is void; is clockbound running?", at);
    case bound_fault::missing:
      if (chosen_.load(std::memory_order_relaxed) >= 0)
        return fmt::format("{} is gone; start clockbound again", at);
      return fmt::format(
          "there is no ClockBound segment at {}; start clockbound, or choose another --clock",
          fmt::join(segments_, " or "));
    case bound_fault::unreadable:
      return fmt::format("can't read {}: {}", at, words_of(detail));
    case bound_fault::too_short:
      return fmt::format("{} has only {} bytes; restart clockbound, which makes it anew", at,
                         detail);
    case bound_fault::not_a_segment:
      return fmt::format("{} is not a ClockBound segment", at);
    case bound_fault::not_initialized:
      return fmt::format("no clockbound has written to {} yet; is it running?", at);
    case bound_fault::version:
      return fmt::format(
          "{} is of version {}; only 1 and 2 are understood, so point --clock at the shm0 file "
          "that "
          "clockbound writes beside it",
          at, detail & 0xff);
    case bound_fault::malformed:
      return fmt::format("{} is malformed: the field at byte {} is out of its range", at, detail);
    case bound_fault::being_written:
      return fmt::format("an update of {} never ends; restart clockbound", at);
    case bound_fault::vmclock_closed:
    case bound_fault::vmclock_malformed:
    case bound_fault::vmclock_busy:
    case bound_fault::vmclock_changed:
      return explain_vmclock(why);
    default:
      return fmt::format("{} says nothing", at);
  }
}

}  // namespace hedgerow::clock
