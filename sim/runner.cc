#include "sim/runner.h"

#include <csignal>
#include <cstdio>

#include <fmt/format.h>

namespace hedgerow::sim {
namespace {

const trace* dying = nullptr;

// The process ends anyway: a broken invariant, raised in the middle of a run.
void tell_last_words(int signal) {
  std::signal(signal, SIG_DFL);
  if (dying != nullptr) {
    for (const auto& line : dying->last_words())
      std::printf("  %s\n", line.c_str());
    std::fflush(stdout);
  }
  std::raise(signal);
}

}  // namespace

told_run run_seed(std::uint64_t seed, const run_wishes& wishes) {
  base::probe_counts = {};
  world in(draw_swarm(seed));
  auto& k = in.core();
  k.trace.words(wishes.words, wishes.up_to);
  if (wishes.tell_if_it_dies) {
    dying = &k.trace;
    std::signal(SIGABRT, tell_last_words);
    std::signal(SIGSEGV, tell_last_words);
  }
  if (k.trace.wants(detail::transitions))
    k.trace.say(0, fmt::format("seed {}: {}", seed, describe(in.with())));
  course through(in, wishes.length);
  told_run told{through.run(), k.trace.last_words()};
  dying = nullptr;
  return told;
}

}  // namespace hedgerow::sim
