#include "net/poller.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "base/assert.h"
#include "net/kernel_calls.h"

namespace hedgerow::net {
namespace {

epoll_event event_of(bool read, bool write, std::uint64_t tag) {
  epoll_event out{};
  out.data.u64 = tag;
  if (read) out.events |= EPOLLIN;
  if (write) out.events |= EPOLLOUT;
  // The kernel reports errors and the end whether one asks or not; edge-triggered, it does so once.
  if (!read && !write) out.events = EPOLLET;
  return out;
}

}  // namespace

poller::poller() : handle_(epoll_create1(EPOLL_CLOEXEC)) {
  if (handle_ < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

poller::~poller() {
  ::close(handle_);
}

int poller::add(int handle, slot& out) {
  if (free_.empty()) {
    free_.push_back(static_cast<slot>(entries_.size()));
    entries_.emplace_back();
  }
  const slot which = free_.back();
  epoll_event event = event_of(false, false, tag_of(which));
  if (epoll_ctl(handle_, EPOLL_CTL_ADD, handle, &event) != 0) return errno;
  free_.pop_back();
  entry& e = entries_[which];
  e.handle = handle;
  e.wants = e.told = {};
  out = which;
  return 0;
}

void poller::remove(slot which) {
  entry& e = entries_[which];
  epoll_ctl(handle_, EPOLL_CTL_DEL, e.handle, nullptr);
  e.handle = -1;
  ++e.generation;
  free_.push_back(which);
  // Last: it may be what keeps the caller alive.
  const auto gone = std::exchange(e.who, nullptr);
}

void poller::serve(slot which, std::shared_ptr<waiter> who) {
  entries_[which].who = std::move(who);
}

void poller::tell_kernel() {
  for (const slot which : changed_) {
    entry& e = entries_[which];
    e.changed = false;
    if (e.handle < 0 || e.wants == e.told) continue;
    e.told = e.wants;
    epoll_event event = event_of(e.wants.read, e.wants.write, tag_of(which));
    HEDGEROW_ASSERT(epoll_ctl(handle_, EPOLL_CTL_MOD, e.handle, &event) == 0);
  }
  changed_.clear();
}

std::size_t poller::wait(int at_most) {
  tell_kernel();
  const int count = kernel::epoll_wait(handle_, ready_.data(), ready_max, at_most);
  return count > 0 ? static_cast<std::size_t>(count) : 0;  // else a signal
}

}  // namespace hedgerow::net
