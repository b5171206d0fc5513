#pragma once
// The inside of event_loop, for the other drivers of this folder.

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "net/asio.h"
#include "net/event_loop.h"
#include "net/name_lookup.h"

namespace hedgerow::net {

// Called at the end of every turn of the loop, when no callback is on the stack: the place to write
// what the turn has queued, with one system call per connection. May remove hooks.
class turn_hook {
 public:
  virtual ~turn_hook() = default;
  virtual void on_turn_end() = 0;
};

struct event_loop::impl {
  impl();

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

  asio::io_context context{1};  // one thread runs it; any may post
  std::atomic<std::thread::id> thread;
  std::function<void()> on_wake;

 private:
  void end_turn();
  void run_inbox();
  void arm(boot_time at);
  void wait_alarm();
  void on_alarm();

  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  static constexpr turn_hook* no_hook = nullptr;
  int depth = 0;
  bool ending = false;
  std::vector<turn_hook*> hooks;

  std::mutex inbox_mutex;
  std::vector<std::function<void()>> inbox;  // under inbox_mutex
  std::vector<std::function<void()>> batch;  // being run

  asio::posix::stream_descriptor alarm{context};  // a timerfd: Asio's own timers ignore suspend
  boot_time wanted = boot_time::never();
  boot_time armed = boot_time::never();

 public:
  name_lookups names{*this};  // last: its threads post for as long as it is there
};

}  // namespace hedgerow::net
