#pragma once
// Where the user's handlers run: a bounded pool, or the loop itself for those that say so.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <hedgerow/options.h>

#include "model/limits.h"
#include "node/engine/leadership_cell.h"
#include "ports/clock.h"
#include "ports/handlers.h"
#include "ports/log.h"

namespace hedgerow {

class worker_pool final : public ports::handlers {
 public:
  struct setup {
    handler on_message;
    handler on_broadcast;
    unsigned threads = 8;
    std::string name;  // of the node, for answers
    // Of an answer. A longer one is told as handler_failed: it could not be sent.
    std::size_t payload_bytes_max = limits::payload_bytes_default;
    ports::clock* clock = nullptr;
    ports::log* log = nullptr;
    // Brings an answer to the loop's thread.
    std::function<void(ports::job_id, ports::job_result)> answer;
  };

  explicit worker_pool(setup with);
  // Asks running handlers to stop and waits for them half a second. One that goes on is left to
  // itself: its answer goes nowhere.
  ~worker_pool() override;

  // The cell that R1 is asked of when a job starts. Before the first job.
  void watch(const engine::leadership_cell& cell);

  std::optional<ports::job_result> run(ports::job_id id, const ports::job& work) override;
  void leadership_ended(fencing_token token) override;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace hedgerow
