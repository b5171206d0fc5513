#pragma once
// A thread with a bounded queue of jobs that may block, or even hang.
//
// `submit` never waits for a job. Neither does the destructor for long: a thread that hangs (in an
// fsync of a frozen disk, say) cannot be ended from outside, so after a grace period it is left to
// itself. That is why all its state is shared with it, and why jobs must own what they use. If it
// ever wakes up, it finishes its job and `finish`, and ends.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "model/time.h"

namespace hedgerow::store {

struct job {
  boot_time deadline;         // must not be begun later
  std::function<void()> run;  // on the worker's thread
  // Instead of `run`: it was not begun, and why. On the worker's or the submitter's thread, but for
  // jobs that are still queued at the end: those are dropped without a word.
  std::function<void(std::string why)> refuse;
};

// What the thread does when nothing came for so long, once for each time; zero is never.
struct idle_work {
  nanoseconds after{0};
  std::function<void()> run;
};

class worker {
 public:
  // `finish` is the last thing that the thread does. `name` is the thread's, at most 15 bytes.
  // Throws std::system_error if there can be no more threads.
  worker(const std::string& name, std::size_t capacity, std::function<void()> finish,
         idle_work idle = {});
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  // Refuses at once if the queue is full of jobs that may still be begun.
  void submit(job work);

  // Asks the thread to end after its present job; does not wait.
  void stop();
  // Waits for the end; false: it hangs and was left to itself. Once only, after `stop`.
  bool join(boot_time until);

 private:
  struct state;
  static void run(state& shared);

  std::shared_ptr<state> state_;
  std::thread thread_;
};

}  // namespace hedgerow::store
