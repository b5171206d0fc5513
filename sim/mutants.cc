#include "sim/mutants.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>

#include "sim/directed.h"
#include "sim/runner.h"
#include "sim/workers.h"

namespace hedgerow::sim {

std::string_view rule_of(base::mutant planted) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(base::mutant::count)> rules{
      "",         "R1",       "R1",       "R2",     "R3",  "R5",       "R6",       "R7",
      "R8",       "R8",       "R9",       "F11",    "F11", "F12",      "F10",      "R7",
      "DESIGN 4", "R4",       "R10",      "S3",     "S3",  "S3",       "S3",       "S3",
      "S5",       "S2",       "S1",       "C1",     "C1",  "D3",       "C5",       "DESIGN 5",
      "S3",       "S4",       "S5",       "J1",     "D2",  "P1",       "DESIGN 6", "DESIGN 6",
      "DESIGN 6", "DESIGN 6", "DESIGN 6", "timers", "R1",  "DESIGN 6", "DESIGN 6", "DESIGN 6",
      "DESIGN 6", "DESIGN 6", "DESIGN 6"};
  return rules.at(static_cast<std::size_t>(planted));
}

namespace {

// So many seeds before the directed schedules, for the sake of the count.
constexpr std::uint64_t seeds_first = 300;

enum number : std::size_t { seeds_run };

void plant(base::mutant m) {
  base::planted = m;
}

// What the checkers say of this seed, if they say it because of the mutant.
std::optional<violation> kill_by_seed(base::mutant m, std::uint64_t seed, true_time length) {
  plant(m);
  auto found = run_seed(seed, {.length = length}).result.failure;
  if (!found) return std::nullopt;
  plant(base::mutant::none);
  if (run_seed(seed, {.length = length}).result.failure) return std::nullopt;
  return found;
}

std::optional<violation> kill_by_schedule(base::mutant m) {
  plant(m);
  for (const auto& s : directed_schedules()) {
    auto found = play(s, trace::mode::quiet, detail::transitions);
    if (found && found->checker != not_reached) {
      found->checker = "directed/" + found->checker;
      found->text = fmt::format("{}: {}", s.name, found->text);
      return found;
    }
  }
  return std::nullopt;
}

// A group that only does not come together again is the weakest of proofs: the search goes on for
// a while.
work_report hunt(base::mutant m, const mutant_wishes& wishes) {
  work_report report;
  std::optional<violation> found;
  std::optional<violation> weak;
  std::uint64_t seed = 0;
  while (!found && seed < wishes.seeds) {
    if (seed == std::min(seeds_first, wishes.seeds - 1)) {
      found = kill_by_schedule(m);
      if (found || weak) break;
    }
    found = kill_by_seed(m, ++seed, wishes.length);
    if (!found || found->checker != "liveness") continue;
    if (!weak) {
      weak = found;
      report.numbers[seeds_run] = seed;
    }
    found.reset();
  }
  if (found || !weak) report.numbers[seeds_run] = seed;
  if (!found) found = weak;
  if (found) {
    report.failed = 1;
    std::snprintf(report.checker, sizeof report.checker, "%s", found->checker.c_str());
    std::snprintf(report.text, sizeof report.text, "%s", found->text.c_str());
  }
  return report;
}

}  // namespace

std::vector<mutant_result> run_mutants(const mutant_wishes& wishes) {
  std::vector<mutant_result> results;
  for (auto i = 1U; i < static_cast<unsigned>(base::mutant::count); ++i) {
    const auto m = static_cast<base::mutant>(i);
    if (wishes.only.empty() || wishes.only == to_string(m)) {
      results.emplace_back();
      results.back().planted = m;
    }
  }
  work_through(
      results.size(), wishes.jobs,
      [&](std::uint64_t item) { return hunt(results[item].planted, wishes); },
      [&](const work_report& report) {
        auto& r = results[report.item];
        r.killed = report.failed != 0;
        r.seeds = report.numbers[seeds_run];
        r.checker = report.checker;
        r.text = report.text;
        return true;
      });
  return results;
}

}  // namespace hedgerow::sim
