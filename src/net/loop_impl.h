#pragma once
// The inside of event_loop, for the other drivers of this folder.

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "net/event_loop.h"
#include "net/name_lookup.h"
#include "net/poller.h"

namespace hedgerow::net {

// Called at the end of every turn of the loop, when no callback is on the stack: the place to write
// what the turn has queued, with one system call per connection. May remove hooks.
class turn_hook {
 public:
  virtual ~turn_hook() = default;
  virtual void on_turn_end() = 0;
};

class deadline;

struct event_loop::impl {
  impl();
  ~impl();
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void run();
  void run_once(nanoseconds at_most);
  void stop();  // thread-safe

  // Every handler runs its body inside one. Turns nest; only the outermost has an end.
  template <class Body>
  void turn(Body&& body) {
    ++depth;
    body();
    if (--depth == 0) end_turn();
  }
  // Whether on_turn_end is still to come.
  bool in_turn() const { return depth > 0 && !ending; }

  void post(std::function<void()> task);
  void add(turn_hook* hook) { hooks.push_back(hook); }
  void remove(turn_hook* hook) { std::replace(hooks.begin(), hooks.end(), hook, no_hook); }

  void wake_at(boot_time at);

  std::atomic<std::thread::id> thread;
  std::function<void()> on_wake;

 private:
  friend class deadline;

  // A descriptor of the loop's own, with what is to be done when it can be read.
  class own_handle final : public waiter {
   public:
    own_handle(poller& sockets, int handle, const char* what, std::function<void()> ready);
    ~own_handle() override;
    own_handle(const own_handle&) = delete;
    own_handle& operator=(const own_handle&) = delete;
    void on_readable() override;
    int get() const { return handle_; }

   private:
    poller& sockets_;
    int handle_;
    poller::slot slot_ = 0;
    std::function<void()> ready_;
  };
  using due_key = std::pair<boot_time, std::uint64_t>;

  void round(int at_most_ms);
  void run_inbox();
  void end_turn();
  void arm(boot_time at);
  void on_alarm();

  static constexpr turn_hook* no_hook = nullptr;
  int depth = 0;
  bool ending = false;
  std::vector<turn_hook*> hooks;

 public:
  poller sockets;

 private:
  std::map<due_key, deadline*> deadlines;
  std::uint64_t last_deadline = 0;
  boot_time wanted = boot_time::never();
  boot_time armed = boot_time::never();
  own_handle alarm;      // a timerfd: the time-out of epoll does not count suspend
  own_handle bell;       // an eventfd, for whoever posts while the loop sleeps
  bool alarmed = false;  // the wake-up is due
  bool busy = false;     // several sockets have their turns
  // Whoever posts sets `posted` and then looks whether the loop is asleep; the loop does it the
  // other way round, so that one of them sees the other.
  std::atomic<bool> posted = false;
  std::atomic<bool> asleep = false;
  std::atomic<bool> stopped = false;

  std::mutex inbox_mutex;
  std::vector<std::function<void()>> inbox;  // under inbox_mutex
  std::vector<std::function<void()>> batch;  // being run

 public:
  name_lookups names{*this};  // last: its threads post for as long as it is there
};

// A time at which its waiter hears of it, once, unless it is cancelled or goes before.
class deadline {
 public:
  explicit deadline(event_loop::impl& loop) : loop_(loop) {}
  ~deadline() { cancel(); }
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;

  // In place of what was set before.
  void set(boot_time at, std::weak_ptr<waiter> who);
  void cancel();

 private:
  friend struct event_loop::impl;

  event_loop::impl& loop_;
  event_loop::impl::due_key key_{boot_time::never(), 0};
  std::weak_ptr<waiter> who_;
};

}  // namespace hedgerow::net
