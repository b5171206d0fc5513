#pragma once
// The VMClock: a page that the hypervisor shares, whose marker changes when the machine is migrated
// or restored from a snapshot (clockbound 1.11). Then nobody knows what its clocks did meanwhile.
//
// The page stays mapped, as a look at it costs two loads: a device's page can't be truncated under
// us. Of a regular file (tests) the length is checked when it is opened, and never again.

#include <atomic>
#include <cstdint>
#include <string>

#include "clock/clock_bound.h"

namespace hedgerow::clock {

class vmclock {
 public:
  explicit vmclock(std::string path) : path_(std::move(path)) {}
  ~vmclock();
  vmclock(const vmclock&) = delete;
  vmclock& operator=(const vmclock&) = delete;

  const std::string& path() const { return path_; }

  // Maps the page unless that is done. Thread-safe; callers at the same time may both try. Nothing
  // opens it again: the device of a running machine does not come anew.
  void open() noexcept;

  // vmclock_changed if the marker is another; another fault if it can't be read. Thread-safe and
  // lock-free.
  bound_fault check(std::uint64_t expected_marker) const noexcept;
  // Of the last failed open(); 0: none, or the page is malformed.
  int open_error() const noexcept { return open_error_.load(std::memory_order_relaxed); }

 private:
  const std::string path_;
  std::atomic<const void*> page_{nullptr};
  std::atomic<int> open_error_{0};
};

}  // namespace hedgerow::clock
