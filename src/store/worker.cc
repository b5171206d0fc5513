#include "store/worker.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include <pthread.h>

#include "store/patience.h"

namespace hedgerow::store {
namespace {

constexpr auto grace = milliseconds(150);
constexpr std::string_view too_late = "the store was busy with earlier statements for too long";

}  // namespace

struct worker::state {
  const std::size_t capacity;
  std::function<void()> finish;
  idle_work idle;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<job> queue;
  bool stopping = false;
  bool ended = false;
};

worker::worker(const std::string& name, std::size_t capacity, std::function<void()> finish,
               idle_work idle)
    : state_(new state{capacity, std::move(finish), std::move(idle), {}, {}, {}}) {
  // Signals are for the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  struct restore {
    const sigset_t& mask;
    ~restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } at_exit{before};
  thread_ = std::thread([shared = state_] { run(*shared); });
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

worker::~worker() {
  stop();
  join(boot_now() + grace);
}

void worker::submit(job work) {
  std::vector<job> refused;
  std::string why(too_late);
  {
    const std::lock_guard lock(state_->mutex);
    auto& queue = state_->queue;
    if (queue.size() >= state_->capacity) {
      // The thread may hang; those whose time is over are answered from here.
      const boot_time now = boot_now();
      const auto late = std::stable_partition(queue.begin(), queue.end(),
                                              [&](const job& j) { return now < j.deadline; });
      std::move(late, queue.end(), std::back_inserter(refused));
      queue.erase(late, queue.end());
    }
    if (queue.size() < state_->capacity)
      queue.push_back(std::move(work));
    else
      refused.push_back(std::move(work));
  }
  state_->changed.notify_all();
  for (const job& j : refused)
    j.refuse(why);
}

void worker::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
}

bool worker::join(boot_time until) {
  if (!thread_.joinable()) return true;
  bool ended = false;
  {
    std::unique_lock lock(state_->mutex);
    const nanoseconds left = std::max(until - boot_now(), nanoseconds::zero());
    ended = state_->changed.wait_for(lock, left, [this] { return state_->ended; });
  }
  if (ended)
    thread_.join();
  else
    thread_.detach();
  return ended;
}

void worker::run(state& shared) {
  std::unique_lock lock(shared.mutex);
  const auto wanted = [&] { return shared.stopping || !shared.queue.empty(); };
  for (;;) {
    if (shared.idle.after > nanoseconds::zero() &&
        !shared.changed.wait_for(lock, shared.idle.after, wanted)) {
      lock.unlock();
      shared.idle.run();
      lock.lock();
    }
    shared.changed.wait(lock, wanted);
    if (shared.stopping) break;
    {
      const job next = std::move(shared.queue.front());
      shared.queue.pop_front();
      lock.unlock();
      if (boot_now() < next.deadline)
        next.run();
      else
        next.refuse(std::string(too_late));
    }
    lock.lock();
  }
  const auto dropped = std::move(shared.queue);
  shared.queue.clear();
  lock.unlock();
  shared.finish();
  lock.lock();
  shared.ended = true;
  shared.changed.notify_all();
}

}  // namespace hedgerow::store
