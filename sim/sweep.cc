#include "sim/sweep.h"

#include <algorithm>
#include <cstdio>

#include "sim/runner.h"
#include "sim/workers.h"

namespace hedgerow::sim {
namespace {

enum number : std::size_t { hash, events, messages, node_ns, replies, unknowns, first_fault };

constexpr std::size_t first_probe = first_fault + fault_kinds;
static_assert(first_probe + base::probes <= std::size(work_report{}.numbers));

work_report pack(const run_result& r) {
  work_report report;
  auto& n = report.numbers;
  n[hash] = r.hash;
  n[events] = r.events;
  n[messages] = r.messages;
  n[node_ns] = r.node_ns;
  n[replies] = r.replies;
  n[unknowns] = r.unknowns;
  for (std::size_t i = 0; i < fault_kinds; ++i)
    n[first_fault + i] = r.tally.of(static_cast<fault>(i));
  std::copy(r.probes.begin(), r.probes.end(), n + first_probe);
  if (r.failure) {
    report.failed = 1;
    std::snprintf(report.checker, sizeof report.checker, "%s", r.failure->checker.c_str());
    std::snprintf(report.text, sizeof report.text, "%s", r.failure->text.c_str());
  }
  return report;
}

void add(sweep_result& total, std::uint64_t seed, const work_report& report) {
  const auto& n = report.numbers;
  ++total.seeds;
  total.hash ^= base::mix(n[hash] ^ seed);
  total.events += n[events];
  total.messages += n[messages];
  total.node_ns += n[node_ns];
  total.replies += n[replies];
  total.unknowns += n[unknowns];
  for (std::size_t i = 0; i < fault_kinds; ++i)
    total.tally.add(static_cast<fault>(i), n[first_fault + i]);
  for (std::size_t i = 0; i < base::probes; ++i) {
    total.probes[i] += n[first_probe + i];
    total.probe_seeds[i] += n[first_probe + i] != 0 ? 1U : 0U;
  }
  if (report.failed != 0) total.failures.push_back({seed, report.checker, report.text});
}

}  // namespace

sweep_result sweep(const sweep_wishes& wishes) {
  sweep_result total;
  work_through(
      wishes.seeds, wishes.jobs,
      [&](std::uint64_t item) {
        return pack(run_seed(wishes.first + item, {.length = wishes.length}).result);
      },
      [&](const work_report& report) {
        add(total, wishes.first + report.item, report);
        return true;
      });
  std::sort(total.failures.begin(), total.failures.end(),
            [](const failed_seed& x, const failed_seed& y) { return x.seed < y.seed; });
  return total;
}

}  // namespace hedgerow::sim
