#include "sim/report.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/workers.h"

namespace hedgerow::sim {
namespace {

// A sweep of fewer may miss a rare kind by chance.
constexpr std::uint64_t seeds_for_all_kinds = 200;
constexpr std::uint64_t seeds_for_most_probes = 1000;
constexpr std::uint64_t seeds_for_all_probes = 20'000;

// Passed by less than one seed in forty: only long sweeps must pass them.
constexpr auto rare_probes = std::to_array<std::string_view>({
    "evidence_verdict_waited_long_enough",
    "verdict_by_loss_of_a_voice",
    "view_claim_refused",
    "view_holder_of_name_heard_again",
    "view_refused_one_lives",
    "view_row_went_back",
});

// A directed schedule passes it, or fails.
bool is_directed(std::size_t probe) {
  const auto& all = directed_schedules();
  return std::any_of(all.begin(), all.end(), [&](const schedule& s) { return s.reaches == probe; });
}

bool is_rare(std::size_t probe) {
  const auto name = base::probe_names.at(probe);
  return std::find(rare_probes.begin(), rare_probes.end(), name) != rare_probes.end();
}

double hours(std::uint64_t ns) {
  return static_cast<double>(ns) / 3.6e12;
}

nlohmann::json as_json(const sweep_result& r, double wall_seconds) {
  nlohmann::json j{{"seeds", r.seeds},
                   {"events", r.events},
                   {"messages", r.messages},
                   {"node_hours", hours(r.node_ns)},
                   {"wall_seconds", wall_seconds},
                   {"replies", r.replies},
                   {"unknown_outcomes", r.unknowns},
                   {"trace_hash", fmt::format("{:016x}", r.hash)},
                   {"kinds_missed", kinds_missed(r)},
                   {"probes_missed", probes_missed(r)}};
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    const auto kind = static_cast<fault>(i);
    j["faults"][std::string(to_string(kind))] = r.tally.of(kind);
  }
  for (std::size_t i = 0; i < base::probes; ++i)
    j["probes"][std::string(base::probe_names.at(i))] = {{"passed", r.probes.at(i)},
                                                         {"seeds", r.probe_seeds.at(i)}};
  j["failures"] = nlohmann::json::array();
  for (const auto& f : r.failures)
    j["failures"].push_back({{"seed", f.seed}, {"checker", f.checker}, {"text", f.text}});
  return j;
}

}  // namespace

std::vector<std::string> kinds_missed(const sweep_result& r) {
  std::vector<std::string> missed;
  if (r.seeds < seeds_for_all_kinds) return missed;
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    const auto kind = static_cast<fault>(i);
    if (r.tally.of(kind) == 0) missed.emplace_back(to_string(kind));
  }
  return missed;
}

std::vector<std::string> probes_missed(const sweep_result& r) {
  std::vector<std::string> missed;
  for (std::size_t i = 0; i < base::probes; ++i) {
    const auto enough = is_rare(i) ? seeds_for_all_probes : seeds_for_most_probes;
    if (is_directed(i)) continue;
    if (r.seeds >= enough && r.probes.at(i) == 0) missed.emplace_back(base::probe_names.at(i));
  }
  return missed;
}

void print_directed(const std::vector<directed_result>& directed) {
  for (const auto& d : directed) {
    fmt::print("directed: {}: {}\n", d.name,
               d.failure ? d.failure->checker + ": " + d.failure->text : "holds");
  }
}

void print_sweep(const sweep_result& r, const std::vector<directed_result>& directed,
                 double wall_seconds, bool json) {
  if (json) {
    auto j = as_json(r, wall_seconds);
    for (const auto& d : directed)
      j["directed"][d.name] = d.failure ? d.failure->text : "holds";
    fmt::print("{}\n", j.dump(2));
    return;
  }
  print_directed(directed);
  fmt::print("\nfaults");
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    const auto kind = static_cast<fault>(i);
    fmt::print("{}{:<26}{:>10}", i % 3 == 0 ? "\n  " : "  ", to_string(kind), r.tally.of(kind));
  }
  fmt::print("\n\nprobes, and the seeds that passed them");
  for (std::size_t i = 0; i < base::probes; ++i)
    fmt::print("{}{:<40}{:>10}{:>8}", i % 2 == 0 ? "\n  " : "  ", base::probe_names.at(i),
               r.probes.at(i), r.probe_seeds.at(i));
  fmt::print(
      "\n\n{} seeds, {} failed; {} events, {} messages, {:.1f} simulated node-hours; {} replies, "
      "{} "
      "unknown outcomes; {:.1f} s\n",
      r.seeds, r.failures.size(), r.events, r.messages, hours(r.node_ns), r.replies, r.unknowns,
      wall_seconds);
  for (const auto& kind : kinds_missed(r))
    fmt::print("never hit: {}: the simulator is blind there\n", kind);
  for (const auto& probe : probes_missed(r))
    fmt::print("never passed: {}: no run tests that path\n", probe);
}

void print_failure(const failed_seed& f, true_time length) {
  fmt::print("\nseed {}: {}: {}\n", f.seed, f.checker, f.text);
  run_apart([&] {
    run_wishes wishes{length, trace::mode::ring, detail::statements};
    wishes.tell_if_it_dies = true;
    const auto told = run_seed(f.seed, wishes);
    for (const auto& line : told.last_words)
      fmt::print("  {}\n", line);
  });
  fmt::print("reproduce: ./dev sim --seed {} --minutes {}\n", f.seed, length / (60 * second));
  std::fflush(stdout);
}

void print_mutants(const std::vector<mutant_result>& results, bool json) {
  if (json) {
    auto j = nlohmann::json::array();
    for (const auto& r : results)
      j.push_back({{"mutant", to_string(r.planted)},
                   {"rule", rule_of(r.planted)},
                   {"killed", r.killed},
                   {"checker", r.checker},
                   {"seeds", r.seeds},
                   {"text", r.text}});
    fmt::print("{}\n", j.dump(2));
    return;
  }
  fmt::print("{:<28}{:<10}{:<20}{:>6}\n", "mutant", "rule", "killed by", "seeds");
  std::size_t survivors = 0;
  for (const auto& r : results) {
    survivors += r.killed ? 0U : 1U;
    fmt::print("{:<28}{:<10}{:<20}{:>6}\n", to_string(r.planted), rule_of(r.planted),
               r.killed ? r.checker : "SURVIVES", r.seeds);
  }
  fmt::print("{} of {} killed\n", results.size() - survivors, results.size());
}

}  // namespace hedgerow::sim
