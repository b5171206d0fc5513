#pragma once
// A sweep over seeds: all results added up, and the seeds that failed.

#include <cstdint>
#include <string>
#include <vector>

#include "sim/course.h"

namespace hedgerow::sim {

struct sweep_wishes {
  std::uint64_t first = 1;
  std::uint64_t seeds = 100;
  true_time length = 600 * second;
  unsigned jobs = 1;
};

struct failed_seed {
  std::uint64_t seed = 0;
  std::string checker;
  std::string text;
};

struct sweep_result {
  std::uint64_t seeds = 0;
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
  std::uint64_t node_ns = 0;
  std::uint64_t replies = 0;
  std::uint64_t unknowns = 0;
  std::uint64_t hash = 0;  // over all seeds, whatever their order
  sim::tally tally;
  probe_tally probes{};
  probe_tally probe_seeds{};          // how many seeds passed it
  std::vector<failed_seed> failures;  // in the order of seeds
};

sweep_result sweep(const sweep_wishes& wishes);

}  // namespace hedgerow::sim
