#include "sim/report.h"

#include <gtest/gtest.h>

namespace hedgerow::sim {
namespace {

TEST(report, a_probe_that_no_seed_of_a_sweep_passes_is_missed) {
  sweep_result r;
  r.seeds = 1000;
  r.probes.fill(1);
  EXPECT_TRUE(probes_missed(r).empty());
  r.probes.at(base::probe_index("lease_created")) = 0;
  EXPECT_EQ(probes_missed(r), std::vector<std::string>{"lease_created"});
  r.seeds = 999;
  EXPECT_TRUE(probes_missed(r).empty());
}

TEST(report, a_rare_probe_is_missed_by_long_sweeps_alone) {
  sweep_result r;
  r.seeds = 1000;
  r.probes.fill(1);
  r.probes.at(base::probe_index("view_claim_refused")) = 0;
  EXPECT_TRUE(probes_missed(r).empty());
  r.seeds = 20'000;
  EXPECT_EQ(probes_missed(r), std::vector<std::string>{"view_claim_refused"});
}

TEST(report, what_a_directed_schedule_reaches_is_not_missed) {
  sweep_result r;
  r.seeds = 20'000;
  r.probes.fill(1);
  r.probes.at(base::probe_index("view_deposed_by_row")) = 0;
  EXPECT_TRUE(probes_missed(r).empty());
}

// "holds" would say nothing of a schedule whose probe is never passed.
TEST(report, a_schedule_that_does_not_reach_its_probe_does_not_hold) {
  const schedule idle{"idle", "", [](trace::mode, detail) { return std::optional<violation>(); },
                      base::probe_index("view_deposed_by_row")};
  const auto found = play(idle, trace::mode::quiet, detail::transitions);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->checker, not_reached);
}

}  // namespace
}  // namespace hedgerow::sim
