#pragma once
// Plants each fault of base/mutant.h in turn and counts how many seeds it takes until a checker
// sees it. One that survives means that the simulator could not see the loss of that rule.

#include <cstdint>
#include <string>
#include <vector>

#include "base/mutant.h"
#include "sim/event.h"

namespace hedgerow::sim {

struct mutant_wishes {
  std::uint64_t seeds = 2000;  // at most, for each
  true_time length = 120 * second;
  unsigned jobs = 1;
  std::string only;  // name of one mutant; empty: all
};

struct mutant_result {
  base::mutant planted = base::mutant::none;
  bool killed = false;
  std::uint64_t seeds = 0;  // that were run
  std::string checker;      // or the directed schedule
  std::string text;
};

// The rule that a mutant removes.
std::string_view rule_of(base::mutant planted);

// In the order of the enumeration.
std::vector<mutant_result> run_mutants(const mutant_wishes& wishes);

}  // namespace hedgerow::sim
