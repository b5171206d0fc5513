#include "node/worker_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "model/limits.h"
#include "node/host.h"

namespace hedgerow {
namespace {

using message::reply_status;
using ports::job_result;

constexpr milliseconds loop_hold_max{5};
constexpr milliseconds farewell{500};

}  // namespace

struct worker_pool::state {
  struct entry {
    ports::job_id id = 0;
    ports::job work;
    std::stop_source stop;
  };

  setup with;
  const engine::leadership_cell* cell = nullptr;
  std::mutex lock;
  std::condition_variable work_came;
  std::condition_variable worker_left;
  std::deque<entry> queue;                                                      // guarded by lock
  std::map<ports::job_id, std::pair<fencing_token, std::stop_source>> running;  // guarded by lock
  unsigned workers = 0;                                                         // guarded by lock
  bool stopping = false;                                                        // guarded by lock

  const handler& handler_of(const ports::job& work) const {
    return work.kind == message::request_kind::send ? with.on_message : with.on_broadcast;
  }

  job_result refusal(reply_status status, std::string_view text) const;
  job_result answer_with(std::string&& text) const;
  // `now`: a reading as it starts.
  job_result execute(const ports::job& work, const reading& now, const std::stop_token& stop) const;
  void work_loop();
};

worker_pool::worker_pool(setup with) : state_(std::make_shared<state>()) {
  state_->with = std::move(with);
  const auto blocking = [](const handler& h) { return h.call && !h.on_loop; };
  if (!blocking(state_->with.on_message) && !blocking(state_->with.on_broadcast)) return;
  try {
    for (unsigned i = 0; i < state_->with.threads; ++i) {
      const std::lock_guard hold(state_->lock);
      std::thread([s = state_] { s->work_loop(); }).detach();
      ++state_->workers;
    }
  } catch (...) {
    // There is no destructor of what was not made.
    const std::lock_guard hold(state_->lock);
    state_->stopping = true;
    state_->work_came.notify_all();
    throw;
  }
}

worker_pool::~worker_pool() {
  std::unique_lock hold(state_->lock);
  state_->stopping = true;
  state_->queue.clear();
  for (auto& [id, job] : state_->running)
    job.second.request_stop();
  state_->work_came.notify_all();
  state_->worker_left.wait_for(hold, farewell, [this] { return state_->workers == 0; });
}

void worker_pool::watch(const engine::leadership_cell& cell) {
  state_->cell = &cell;
}

// What is longer than a payload may be would not leave, and the asker would wait in vain.
job_result worker_pool::state::refusal(reply_status status, std::string_view text) const {
  const std::size_t most = std::min(limits::error_text_bytes_max, with.payload_bytes_max);
  return {status, make_bytes(text.substr(0, most))};
}

job_result worker_pool::state::answer_with(std::string&& text) const {
  if (text.size() > with.payload_bytes_max) {
    return refusal(reply_status::handler_failed, "the answer has " + std::to_string(text.size()) +
                                                     " bytes, the limit is " +
                                                     std::to_string(with.payload_bytes_max));
  }
  return {reply_status::ok, std::make_shared<const std::string>(std::move(text))};
}

// A handler's own trouble is the caller's to know and nobody else's.
job_result worker_pool::state::execute(const ports::job& work, const reading& now,
                                       const std::stop_token& stop) const {
  const nanoseconds until_deadline = work.deadline - now.boot;
  nanoseconds remaining = until_deadline;
  if (remaining.count() <= 0)
    return refusal(reply_status::expired, "the deadline passed before the handler could start");
  if (work.kind == message::request_kind::send) {
    // R1, right before the act: the queue may have taken longer than the lease.
    const leadership held = cell->judge(now.truth);
    if (!held.leading() || held.token != work.token)
      return refusal(reply_status::expired, "leadership ended before the handler could start");
    remaining = std::min<nanoseconds>(remaining, held.remaining);
  }
  const auto& h = handler_of(work);
  if (!h.call) return refusal(reply_status::handler_failed, with.name + " has no handler for this");
  // Cut off in the middle: whoever asked must look for himself.
  const auto failed = [&stop] {
    return stop.stop_requested() ? reply_status::unknown : reply_status::handler_failed;
  };
  try {
    auto answer =
        h.call({as_view(work.payload), work.from, work.token, remaining, stop, until_deadline});
    if (answer) return answer_with(std::move(*answer));
    return refusal(failed(), answer.error().message());
  } catch (...) {
    return refusal(failed(), thrown_by("the handler"));
  }
}

void worker_pool::state::work_loop() {
  std::unique_lock hold(lock);
  for (;;) {
    work_came.wait(hold, [this] { return stopping || !queue.empty(); });
    if (stopping) break;
    entry next = std::move(queue.front());
    queue.pop_front();
    running.emplace(
        next.id,
        std::pair{next.work.kind == message::request_kind::send ? next.work.token : INT64_MAX,
                  next.stop});
    hold.unlock();
    job_result outcome = execute(next.work, with.clock->now(), next.stop.get_token());
    hold.lock();
    running.erase(next.id);
    if (stopping) break;
    // Under the lock, so that nothing is answered once the pool is gone.
    with.answer(next.id, std::move(outcome));
  }
  --workers;
  worker_left.notify_all();
}

std::optional<job_result> worker_pool::run(ports::job_id id, const ports::job& work) {
  const auto& h = state_->handler_of(work);
  if (h.on_loop || !h.call) {
    const reading before = state_->with.clock->now();
    job_result outcome = state_->execute(work, before, {});
    const nanoseconds held = state_->with.clock->now().boot - before.boot;
    if (held > loop_hold_max) {
      const bool send = work.kind == message::request_kind::send;
      state_->with.log->write(severity::warning,
                              std::string("the non-blocking handler of ") +
                                  (send ? "messages" : "broadcasts") + " held the loop for " +
                                  std::to_string(held.count() / 1'000'000) + " ms");
    }
    return outcome;
  }
  const std::lock_guard hold(state_->lock);
  if (state_->queue.size() >= limits::handler_queue_max)
    return state_->refusal(reply_status::overloaded, "too many messages wait for their handlers");
  state_->queue.push_back({id, work, {}});
  state_->work_came.notify_one();
  return std::nullopt;
}

void worker_pool::leadership_ended(fencing_token token) {
  const std::lock_guard hold(state_->lock);
  for (auto& [id, job] : state_->running) {
    if (job.first < token) job.second.request_stop();
  }
}

}  // namespace hedgerow
