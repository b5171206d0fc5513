#pragma once
// Many runs on several processors: forked workers that report through pipes; no threads. A run that
// ends its whole process (a broken invariant) costs that process only, and is known by its item.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace hedgerow::sim {

// Of fixed size and smaller than PIPE_BUF, so that a write is all or nothing.
struct work_report {
  std::uint64_t item = 0;
  std::uint64_t failed = 0;
  std::uint64_t numbers[400] = {};
  char checker[32] = {};
  char text[512] = {};
};

// Runs `job` for the items 0 to items-1 on up to `workers` processes and hands each report to
// `seen`, in no order. An item whose process dies is reported as failed by "crash". `seen` answers
// whether to go on.
void work_through(std::uint64_t items, unsigned workers,
                  const std::function<work_report(std::uint64_t item)>& job,
                  const std::function<bool(const work_report&)>& seen);

// Runs `job` in a process of its own, which may die of it. Its exit status; 128 for a signal.
int run_apart(const std::function<void()>& job);

unsigned processors();

}  // namespace hedgerow::sim
