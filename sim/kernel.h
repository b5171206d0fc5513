#pragma once
// What all models and checkers share: true time, the queue, the trace, and the first violation.

#include <optional>
#include <string>
#include <utility>

#include "sim/event.h"
#include "sim/tally.h"
#include "sim/trace.h"

namespace hedgerow::sim {

// A checker's finding. The run ends with the first.
struct violation {
  std::string checker;
  std::string text;
  true_time at = 0;
};

struct kernel {
  true_time now = 0;
  event_queue queue;
  sim::trace trace;
  sim::tally tally;
  std::optional<violation> failure;

  void plan(true_time at, event_kind kind, std::uint32_t target = 0, std::uint64_t a = 0,
            std::uint64_t b = 0) {
    queue.push({.at = at < now ? now : at, .a = a, .b = b, .target = target, .kind = kind});
  }
  void violated(std::string checker, std::string text) {
    if (!failure) failure = violation{std::move(checker), std::move(text), now};
  }
};

}  // namespace hedgerow::sim
