#pragma once
// What the simulator tells: for people, or as JSON.

#include <optional>
#include <string>
#include <vector>

#include "sim/directed.h"
#include "sim/mutants.h"
#include "sim/runner.h"
#include "sim/sweep.h"

namespace hedgerow::sim {

struct directed_result {
  std::string name;
  std::optional<violation> failure;
};

// Kinds that a sweep of this many seeds should have hit and did not.
std::vector<std::string> kinds_missed(const sweep_result& r);
// The same for probes, but for those that are reached by a directed schedule.
std::vector<std::string> probes_missed(const sweep_result& r);

void print_sweep(const sweep_result& r, const std::vector<directed_result>& directed,
                 double wall_seconds, bool json);
void print_directed(const std::vector<directed_result>& directed);
void print_mutants(const std::vector<mutant_result>& results, bool json);
// Runs a failed seed again and prints its last words and how to see them all.
void print_failure(const failed_seed& f, true_time length);

}  // namespace hedgerow::sim
