#pragma once
// One run of one seed.

#include <deque>
#include <string>

#include "sim/course.h"
#include "sim/trace.h"

namespace hedgerow::sim {

struct run_wishes {
  true_time length = 600 * second;
  trace::mode words = trace::mode::quiet;
  detail up_to = detail::transitions;
  bool tell_if_it_dies = false;  // prints the last words if the process is about to die
};

struct told_run {
  run_result result;
  std::deque<std::string> last_words;
};

told_run run_seed(std::uint64_t seed, const run_wishes& wishes);

}  // namespace hedgerow::sim
