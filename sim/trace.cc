#include "sim/trace.h"

#include <cstdio>

#include <fmt/format.h>

namespace hedgerow::sim {

void trace::say(true_time at, const std::string& text) {
  std::string line = fmt::format("{:>5}.{:06} {}", at / second, (at % second) / microsecond, text);
  if (mode_ == mode::live) fmt::print("{}\n", line);
  ring_.push_back(std::move(line));
  if (ring_.size() > ring_max) ring_.pop_front();
}

}  // namespace hedgerow::sim
