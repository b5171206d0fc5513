#pragma once
// The inside of a lock space: the loop that all its locks share.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include <hedgerow/lock.h>

#include "net/event_loop.h"
#include "node/host.h"
#include "node/lock_candidate.h"
#include "store/change_watch.h"
#include "store/lanes.h"
#include "store/location.h"

namespace hedgerow {

// Confined to the loop's thread, except where a function says otherwise.
class lock_space::impl final : public std::enable_shared_from_this<impl>, private candidate_home {
 public:
  explicit impl(lock_space_options with)
      : with_(std::move(with)), log_(with_.log, with_.log_level) {}

  // Before the loop runs.
  result<void> open();
  // From any thread; the last call of all. Waits for the thread's end, unless it is that thread.
  void stop();

  net::event_loop& loop() { return loop_; }  // its thread-safe functions from any thread
  ports::clock& clock() { return *clock_; }  // thread-safe
  // Any thread: makes nothing but the object.
  std::shared_ptr<lock_candidate> make(lock_options with);
  void add(const std::shared_ptr<lock_candidate>& who, std::shared_ptr<lock_space> keep_alive);

 private:
  struct resident {
    std::shared_ptr<lock_candidate> candidate;
    std::shared_ptr<lock_space> keep_alive;  // until its release is over
    boot_time wakes_at = boot_time::never();
  };

  void wake_at(lock_candidate& who, boot_time at) override;
  void freed(lock_candidate& who) override;
  void queued(lock_candidate& who, bool waits) override;
  void closed(lock_candidate& who, std::function<void()> done) override;
  void on_wake();
  void look_all();

  lock_space_options with_;
  user_log log_;
  std::unique_ptr<ports::clock> clock_;
  net::event_loop loop_;
  store::location where_;
  std::shared_ptr<store::lanes> lanes_;
  std::map<lock_candidate*, resident> residents_;
  std::map<std::string, std::set<lock_candidate*>> by_name_;
  std::set<std::pair<boot_time, lock_candidate*>> wakes_;
  std::set<lock_candidate*> queue_;
  std::unique_ptr<store::change_watch> watch_;  // while somebody waits
  std::thread thread_;
};

}  // namespace hedgerow
