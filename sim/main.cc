// The deterministic simulator: whole groups of real engines in a world of seeds.

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sim/report.h"
#include "sim/workers.h"

namespace {

using namespace hedgerow::sim;

enum exit_code : int { all_well = 0, violated = 1, usage = 2, blind = 3 };

struct wishes {
  std::uint64_t seeds = 100;
  std::uint64_t first = 1;
  std::uint64_t seed = 0;
  std::uint64_t minutes = 10;
  std::uint64_t mutant_minutes = 2;
  std::uint64_t mutant_seeds = 2000;
  std::string mutant;
  unsigned jobs = processors();
  bool mutants = false;
  bool directed = false;
  bool twice = false;
  bool json = false;
  bool log = false;
};

constexpr const char* description =
    "Runs groups of real Hedgerow engines in a simulated world: clocks that lie, stores that lose\n"
    "commits, networks that swallow bytes, processes that are stopped, killed and reborn. A seed\n"
    "fixes everything; the checkers look after every step.\n\n"
    "  hedgerow-sim --seeds 1000          what CI runs\n"
    "  hedgerow-sim --seed 42             replays one run; its last line is the trace hash\n"
    "  hedgerow-sim --seed 42 --log       the same with every statement and message\n"
    "  hedgerow-sim --directed            the schedules that no random search finds\n"
    "  hedgerow-sim --mutants             removes one rule at a time: does a checker see it?\n\n"
    "Exit code: 0 well, 1 a violation (or a surviving mutant), 2 usage, 3 a kind of fault or a "
    "probe\n"
    "was never hit. docs/testing.md explains what is printed.";

std::vector<directed_result> play_directed(bool log) {
  std::vector<directed_result> results;
  for (const auto& s : directed_schedules()) {
    const auto words = log ? trace::mode::live : trace::mode::quiet;
    results.push_back({std::string(s.name), play(s, words, detail::statements)});
  }
  return results;
}

bool any_failed(const std::vector<directed_result>& results) {
  for (const auto& r : results) {
    if (r.failure) return true;
  }
  return false;
}

int run_one(const wishes& w) {
  run_wishes how;
  how.length = static_cast<true_time>(w.minutes) * 60 * second;
  how.words = trace::mode::live;
  how.up_to = w.log ? detail::messages : detail::transitions;
  const auto told = run_seed(w.seed, how);
  const auto& r = told.result;
  if (r.failure) {
    fmt::print("\nseed {} violates {} at {:.6f} s: {}\n", w.seed, r.failure->checker,
               static_cast<double>(r.failure->at) / second, r.failure->text);
  }
  fmt::print("{} events, {} messages, {} replies\n", r.events, r.messages, r.replies);
  fmt::print("trace hash: {:016x}\n", r.hash);
  return r.failure ? violated : all_well;
}

// Each seed twice, in two processes: the same hash, or something beside the seed decides.
int run_twice(const wishes& w) {
  std::array<sweep_result, 2> r;
  for (auto& one : r)
    one = sweep({w.first, w.seeds, static_cast<true_time>(w.minutes) * 60 * second, w.jobs});
  const bool same = r[0].hash == r[1].hash && r[0].events == r[1].events;
  fmt::print("{} seeds twice: {}\ntrace hash: {:016x}\n", w.seeds,
             same ? "the same" : "DIFFERENT: a seed does not fix a run", r[0].hash);
  return same ? all_well : violated;
}

int run_sweep(const wishes& w) {
  const auto began = std::chrono::steady_clock::now();
  const auto directed = play_directed(false);
  const true_time length = static_cast<true_time>(w.minutes) * 60 * second;
  const auto r = sweep({w.first, w.seeds, length, w.jobs});
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  constexpr std::size_t told_max = 3;
  for (std::size_t i = 0; i < r.failures.size() && !w.json; ++i) {
    if (i < told_max) {
      print_failure(r.failures[i], length);
    } else {
      fmt::print("\nseed {}: {}: {}\n", r.failures[i].seed, r.failures[i].checker,
                 r.failures[i].text);
    }
  }
  print_sweep(r, directed, wall.count(), w.json);
  if (!r.failures.empty() || any_failed(directed)) return violated;
  return kinds_missed(r).empty() && probes_missed(r).empty() ? all_well : blind;
}

int run_all_mutants(const wishes& w) {
  const auto results = run_mutants(
      {w.mutant_seeds, static_cast<true_time>(w.mutant_minutes) * 60 * second, w.jobs, w.mutant});
  if (results.empty()) {
    fmt::print(stderr, "hedgerow-sim: no mutant is called {}; src/base/mutant.h lists them\n",
               w.mutant);
    return usage;
  }
  print_mutants(results, w.json);
  for (const auto& r : results) {
    if (!r.killed) return violated;
  }
  return all_well;
}

}  // namespace

int main(int argc, char** argv) {
  wishes w;
  CLI::App app(description, "hedgerow-sim");
  app.add_option("--seeds", w.seeds, "how many seeds to run")->capture_default_str();
  app.add_option("--first", w.first, "the first of them")->capture_default_str();
  auto* seed = app.add_option("--seed", w.seed, "replay this one, and print its transitions");
  app.add_option("--minutes", w.minutes, "simulated minutes of one run")
      ->capture_default_str()
      ->check(CLI::Range(1, 1440));
  app.add_option("--jobs", w.jobs, "worker processes")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_flag("--log", w.log, "with --seed or --directed: every statement and message too");
  app.add_flag("--directed", w.directed, "run the directed schedules alone");
  app.add_flag("--twice", w.twice, "run every seed twice and compare the trace hashes");
  app.add_flag("--json", w.json, "summary as JSON");
  app.add_flag("--mutants", w.mutants, "plant every mutant and count the seeds until it is seen");
  app.add_option("--mutant", w.mutant, "with --mutants: only this one");
  app.add_option("--mutant-seeds", w.mutant_seeds, "with --mutants: seeds to try for each")
      ->capture_default_str();
  app.add_option("--mutant-minutes", w.mutant_minutes, "with --mutants: minutes of each run")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? all_well : usage;
  }
  if (w.mutants) return run_all_mutants(w);
  if (seed->count() > 0) return run_one(w);
  if (w.twice) return run_twice(w);
  if (w.directed) {
    const auto results = play_directed(w.log);
    print_directed(results);
    return any_failed(results) ? violated : all_well;
  }
  return run_sweep(w);
}
