#pragma once
// The user's handlers: some run inside the call, most on workers that are slow, few or failing.
//
// A worker asks R1 right before it starts (ports/handlers.h). What a handler does is one act at the
// instant at which it starts; `handler_watcher` sees it.

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "sim/clock_model.h"
#include "sim/endpoint.h"
#include "sim/kernel.h"
#include "sim/swarm.h"

namespace hedgerow::sim {

class handler_watcher {
 public:
  virtual ~handler_watcher() = default;
  virtual void on_executed(const endpoint& at, const ports::job& work) = 0;
};

// What a handler of process `at` answers to `payload`.
std::string handler_answer(std::uint32_t at, std::string_view payload);

class handler_model {
 public:
  handler_model(kernel& world, const swarm& with, clock_model& clocks, handler_watcher& watcher);

  std::optional<ports::job_result> run(endpoint& at, ports::job_id id, const ports::job& work);
  void leadership_ended(endpoint& at, fencing_token token);
  void heal() { healed_ = true; }
  void unheal() { healed_ = false; }

  void deliver(endpoint& to, const event& e);  // job_start, job_end
  void discard(const event& e);

 private:
  enum class stage : std::uint8_t { free, queued, running };
  struct job {
    stage now = stage::free;
    std::uint32_t process = 0;
    std::uint64_t place = 0;  // in the pool
    std::uint64_t life = 0;   // of this place
    ports::job_id id = 0;
    ports::job work;
    message::reply_status outcome = message::reply_status::ok;
  };

  std::uint64_t take_place();
  void start(endpoint& at, std::uint64_t index);
  void start_next(const endpoint& at);
  void finish(endpoint& at, std::uint64_t index);
  ports::job_result execute(endpoint& at, const ports::job& work);
  ports::job_result result_of(const endpoint& at, const ports::job& work,
                              message::reply_status status) const;

  kernel& world_;
  const swarm& with_;
  clock_model& clocks_;
  handler_watcher& watcher_;
  base::random random_;
  bool healed_ = false;
  std::uint64_t lives_ = 0;
  std::deque<job> jobs_;
};

}  // namespace hedgerow::sim
