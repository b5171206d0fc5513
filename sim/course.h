#pragma once
// The course of one run: rounds of trouble, each followed by peace, in which the group must come
// together again within a budget: one leader that acts, one view at all that run, which holds
// exactly those, and a message that is answered.

#include <optional>
#include <string>
#include <vector>

#include "sim/faults.h"
#include "sim/workload.h"
#include "sim/world.h"

namespace hedgerow::sim {

struct run_result {
  std::uint64_t seed = 0;
  std::optional<violation> failure;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
  std::uint64_t node_ns = 0;
  std::uint64_t replies = 0;
  std::uint64_t unknowns = 0;
  sim::tally tally;
  probe_tally probes{};
};

class course {
 public:
  course(world& in, true_time length);

  run_result run();

 private:
  enum class phase : std::uint8_t { trouble, peace };

  void on_script(const event& e);
  void begin_trouble();
  void begin_peace();
  void look();
  void sample();
  // Empty if the group has come together; else what is missing.
  std::string missing();
  std::string open_stream();
  std::string state_of_all();
  true_time budget() const;

  world& world_;
  const swarm& with_;
  base::random random_;
  sim::faults faults_;
  sim::workload workload_;
  true_time length_;
  phase phase_ = phase::trouble;
  std::uint64_t round_ = 0;
  true_time peace_until_ = 0;
  true_time together_since_ = forever;
  std::optional<std::uint64_t> last_call_;
};

}  // namespace hedgerow::sim
