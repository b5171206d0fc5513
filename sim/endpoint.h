#pragma once
// A process as the models see it: where it is, whether it runs, and where its news go.

#include <cstdint>
#include <vector>

#include "node/engine/leadership_cell.h"
#include "ports/handlers.h"
#include "ports/store.h"
#include "ports/transport.h"
#include "sim/event.h"

namespace hedgerow::sim {

struct endpoint {
  endpoint() = default;
  endpoint(const endpoint&) = delete;
  endpoint& operator=(const endpoint&) = delete;
  virtual ~endpoint() = default;
  // An event that reached it while it runs.
  virtual void take(const event& /*e*/) {}

  std::uint32_t id = 0;    // of this process life; never reused
  std::uint32_t slot = 0;  // its host and address
  bool alive = true;
  bool paused = false;
  bool listening = false;
  ports::peer self;            // as it says in handshakes
  std::vector<event> backlog;  // what happened to it while it was paused
  std::uint32_t jobs_queued = 0;
  std::uint32_t jobs_running = 0;

  ports::transport_listener* transport_news = nullptr;
  ports::store_listener* store_news = nullptr;
  std::vector<ports::store_listener*> lock_news;  // by client
  ports::handler_listener* handler_news = nullptr;
  const engine::leadership_cell* cell = nullptr;
};

// Finds processes and gives them what has arrived, now or when they run again.
class router {
 public:
  virtual ~router() = default;
  virtual endpoint& endpoint_of(std::uint32_t id) = 0;
  // The live process that has this address, or none.
  virtual endpoint* at_slot(std::uint32_t slot) = 0;
  virtual bool host_up(std::uint32_t slot) const = 0;
  virtual void hand_over(endpoint& to, const event& e) = 0;
};

}  // namespace hedgerow::sim
