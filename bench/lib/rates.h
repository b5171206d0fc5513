#pragma once
// How many a second, and what each costs in processor time at both ends. All three are those of one
// round, the middle one by its rate: medians of each alone may belong to a fast and a slow round,
// and then say that a process used more than the core it has.

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "bench/lib/series.h"

namespace hedgerow::bench {

class rates {
 public:
  // `server` is the other end, which runs already; this process is the caller.
  rates(std::string name, pid_t server) : name_(std::move(name)), server_(server) {}

  // One round of `count`: `run` says how long it took. The first warms up and does not count.
  void add(int count, const std::function<clock::duration(int count)>& run);
  // One JSON object a line, for scripts/bench; nothing if nothing was measured.
  void print();

 private:
  std::string name_;
  pid_t server_;
  bool warm_ = false;
  struct round {
    double per_second;
    double caller_ns;  // user and system time for each
    double server_ns;
  };
  std::vector<round> rounds_;
};

}  // namespace hedgerow::bench
