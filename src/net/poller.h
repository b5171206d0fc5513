#pragma once
// Who waits for which descriptor, and what the kernel has been told of it.
//
// Level-triggered, so that whoever reads a part hears of the rest. A wait is for one time, but the
// kernel is told only what differs when the loop is about to sleep: a session that reads and waits
// again costs no system call. What nobody waits for reports nothing, not even its end.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/epoll.h>

namespace hedgerow::net {

// Each is called in a turn of its own, after a wait for it.
class waiter {
 public:
  virtual ~waiter() = default;
  // There is something to read, or the end, or an error.
  virtual void on_readable() {}
  // There is room, or an error.
  virtual void on_writable() {}
  // The time of a deadline has come.
  virtual void on_due() {}
};

class poller {
 public:
  // Of a descriptor that was added, until it is removed.
  using slot = std::uint32_t;

  // Throws std::system_error if the process is out of descriptors.
  poller();
  ~poller();
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  // 0 or errno. The descriptor stays the caller's; remove it before it is closed.
  int add(int handle, slot& out);
  void remove(slot which);
  // Who is called from now on. It lives at least until then.
  void serve(slot which, std::shared_ptr<waiter> who);
  void want_read(slot which) { want(which).read = true; }
  void want_write(slot which) { want(which).write = true; }

  // Waits so many milliseconds, or for ever if negative, and returns how many of `ready` there are.
  std::size_t wait(int at_most);
  // Calls whoever waits for one of them: `call` is given a function to run. Each only once.
  template <class Call>
  void deliver(std::size_t which, const Call& call) {
    const epoll_event event = ready_[which];
    constexpr std::uint32_t over = EPOLLERR | EPOLLHUP;
    if (entry* const e = current(event.data.u64);
        e != nullptr && e->wants.read && (event.events & (EPOLLIN | EPOLLRDHUP | over)) != 0) {
      want(index_of(event.data.u64)).read = false;
      call([who = e->who] { who->on_readable(); });
    }
    // Which may have removed it.
    if (entry* const e = current(event.data.u64);
        e != nullptr && e->wants.write && (event.events & (EPOLLOUT | over)) != 0) {
      want(index_of(event.data.u64)).write = false;
      call([who = e->who] { who->on_writable(); });
    }
  }

 private:
  struct wishes {
    bool read = false;
    bool write = false;

    bool operator==(const wishes&) const = default;
  };
  struct entry {
    int handle = -1;
    std::uint32_t generation = 0;  // an event of before is none of the next one's
    wishes wants;
    wishes told;  // the kernel
    bool changed = false;
    std::shared_ptr<waiter> who;
  };

  static slot index_of(std::uint64_t tag) { return static_cast<slot>(tag); }
  std::uint64_t tag_of(slot which) const {
    return std::uint64_t{entries_[which].generation} << 32 | which;
  }
  entry* current(std::uint64_t tag) {
    entry& e = entries_[index_of(tag)];
    return e.handle >= 0 && e.who && e.generation == tag >> 32 ? &e : nullptr;
  }
  wishes& want(slot which) {
    entry& e = entries_[which];
    if (!e.changed) changed_.push_back(which);
    e.changed = true;
    return e.wants;
  }
  void tell_kernel();

  static constexpr std::size_t ready_max = 128;

  int handle_;
  std::vector<entry> entries_;
  std::vector<slot> free_;
  std::vector<slot> changed_;
  std::array<epoll_event, ready_max> ready_{};
};

}  // namespace hedgerow::net
