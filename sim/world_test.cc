// Whole runs: a seed fixes everything, words change nothing, and the directed schedules hold.

#include "sim/world.h"

#include <gtest/gtest.h>

#include "sim/directed.h"
#include "sim/runner.h"

namespace hedgerow::sim {
namespace {

TEST(run, the_same_seed_gives_the_same_trace_with_and_without_words) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const auto quiet = run_seed(seed, {.length = 60 * second});
    const auto told = run_seed(
        seed, {.length = 60 * second, .words = trace::mode::ring, .up_to = detail::messages});
    EXPECT_EQ(quiet.result.hash, told.result.hash);
    EXPECT_EQ(quiet.result.events, told.result.events);
    EXPECT_FALSE(told.last_words.empty());
  }
}

TEST(run, another_seed_is_another_run) {
  EXPECT_NE(run_seed(1, {.length = 10 * second}).result.hash,
            run_seed(2, {.length = 10 * second}).result.hash);
}

class directed : public testing::TestWithParam<schedule> {};

TEST_P(directed, holds) {
  const auto found = GetParam().play(trace::mode::quiet, detail::transitions);
  EXPECT_FALSE(found) << found->checker << ": " << found->text;
}
INSTANTIATE_TEST_SUITE_P(all, directed, testing::ValuesIn(directed_schedules()));

TEST(world, three_calm_nodes_agree_and_one_leads) {
  world in(calm_swarm());
  for (std::uint32_t s = 0; s < 3; ++s)
    in.start(s, std::string(1, static_cast<char>('a' + s)));
  const auto together = [&] {
    std::size_t leaders = 0;
    for (process* p : in.live()) {
      leaders += p->node().leadership_now().leading() ? 1U : 0U;
      if (p->node().view()->members.size() != 3) return false;
    }
    return leaders == 1;
  };
  while (!together() && in.core().now < 20 * second)
    in.run_until(in.core().now + millisecond);
  EXPECT_TRUE(together());
  EXPECT_FALSE(in.core().failure);
}

}  // namespace
}  // namespace hedgerow::sim
