#include "bench/lib/rates.h"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "bench/lib/process.h"

namespace hedgerow::bench {

void rates::add(int count, const std::function<clock::duration(int count)>& run) {
  const auto caller = cpu_of(getpid());
  const auto server = cpu_of(server_);
  const std::chrono::duration<double> took = run(count);
  const double n = count;
  const double caller_ns = static_cast<double>((cpu_of(getpid()) - caller).count()) / n;
  const double server_ns = static_cast<double>((cpu_of(server_) - server).count()) / n;
  if (!std::exchange(warm_, true)) return;
  rounds_.push_back({n / took.count(), caller_ns, server_ns});
}

void rates::print() {
  if (rounds_.empty()) return;
  std::sort(rounds_.begin(), rounds_.end(),
            [](const round& a, const round& b) { return a.per_second < b.per_second; });
  const round& middle = rounds_[rounds_.size() / 2];
  std::printf(
      "{\"name\":\"%s\",\"rounds\":%zu,\"per_s\":%.0f,\"caller_ns\":%.0f,\"server_ns\":%.0f}\n",
      name_.c_str(), rounds_.size(), middle.per_second, middle.caller_ns, middle.server_ns);
  std::fflush(stdout);
}

}  // namespace hedgerow::bench
