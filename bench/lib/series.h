#pragma once
// A series of measured durations, and how it is printed: one JSON object a line, for scripts/bench.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace hedgerow::bench {

using clock = std::chrono::steady_clock;

class series {
 public:
  void add(clock::duration d) {
    ns_.push_back(std::chrono::duration<double, std::nano>(d).count());
  }
  double quantile(double q) {
    if (ns_.empty()) return 0;
    std::sort(ns_.begin(), ns_.end());
    return ns_[static_cast<std::size_t>(q * static_cast<double>(ns_.size() - 1))];
  }
  void print(const std::string& name) {
    std::printf("{\"name\":\"%s\",\"count\":%zu,\"p50_ns\":%.0f,\"p99_ns\":%.0f}\n", name.c_str(),
                ns_.size(), quantile(0.5), quantile(0.99));
    std::fflush(stdout);
  }

 private:
  std::vector<double> ns_;
};

}  // namespace hedgerow::bench
