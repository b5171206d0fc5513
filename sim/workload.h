#pragma once
// What users do meanwhile: messages to the leader and to all, with deadlines that are sometimes too
// short.

#include "base/random.h"
#include "sim/world.h"

namespace hedgerow::sim {

class workload {
 public:
  explicit workload(world& in);

  void start();
  void on_event(const event& e);  // work
  // One message to the leader now; its number.
  std::uint64_t send(process& from, true_time patience);

 private:
  void broadcast(process& from, true_time patience);

  world& world_;
  base::random random_;
};

}  // namespace hedgerow::sim
