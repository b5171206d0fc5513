// Whole runs: a seed fixes everything, words change nothing, and the directed schedules hold.

#include "sim/world.h"

#include <ostream>

#include <gtest/gtest.h>

#include "sim/directed.h"
#include "sim/runner.h"

namespace hedgerow::sim {

// The name of its test.
void PrintTo(const schedule& one, std::ostream* to) {
  *to << one.name;
}

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
  const auto found = play(GetParam(), trace::mode::quiet, detail::transitions);
  EXPECT_FALSE(found) << found->checker << ": " << found->text;
}
INSTANTIATE_TEST_SUITE_P(all, directed, testing::ValuesIn(directed_schedules()));

TEST(run, probes_are_those_of_one_run) {
  const auto first = run_seed(1, {.length = 60 * second}).result.probes;
  EXPECT_EQ(run_seed(1, {.length = 60 * second}).result.probes, first);
  EXPECT_GT(first.at(base::probe_index("lease_created")), 0U);
}

class calm_world : public testing::Test {
 protected:
  explicit calm_world(const swarm& with = calm_swarm()) : in_(with) {
    for (std::uint32_t s = 0; s < 3; ++s)
      in_.start(s, std::string(1, static_cast<char>('a' + s)));
  }
  std::size_t leaders() {
    std::size_t count = 0;
    for (process* p : in_.live())
      count += p->node().leadership_now().leading() ? 1U : 0U;
    return count;
  }
  bool together() {
    for (process* p : in_.live())
      if (p->node().view()->members.size() != 3) return false;
    return leaders() == 1;
  }
  void come_together() {
    while (!together() && in_.core().now < 20 * second)
      in_.run_until(in_.core().now + millisecond);
    ASSERT_TRUE(together());
  }
  void pass(true_time length) { in_.run_until(in_.core().now + length); }

  world in_;
};

TEST_F(calm_world, three_nodes_agree_and_one_leads) {
  come_together();
  EXPECT_FALSE(in_.core().failure);
}

TEST_F(calm_world, nobody_leads_for_long_while_the_store_takes_no_writes) {
  come_together();
  in_.store().fill(in_.core().now + 10 * second);
  pass(5 * second);
  EXPECT_EQ(leaders(), 0U);
  EXPECT_GT(in_.core().tally.of(fault::store_full), 0U);
  pass(20 * second);
  EXPECT_EQ(leaders(), 1U);
  EXPECT_FALSE(in_.core().failure);
}

TEST_F(calm_world, a_former_primary_is_read_and_takes_no_writes) {
  come_together();
  const auto epoch = in_.store().rows().epoch;
  in_.store().promote(in_.core().now, in_.core().now);
  EXPECT_NE(in_.store().rows().epoch, epoch);
  for (std::uint32_t s = 0; s < 3; ++s)
    in_.store().show_old_copy(s, in_.core().now + 10 * second);
  pass(5 * second);
  EXPECT_EQ(leaders(), 0U);
  EXPECT_GT(in_.core().tally.of(fault::store_old_copy), 0U);
  pass(20 * second);
  EXPECT_EQ(leaders(), 1U);
  EXPECT_FALSE(in_.core().failure);
}

// What the first standby has committed is unknown to the second, and to its epoch.
TEST_F(calm_world, a_sibling_of_the_promoted_copy_brings_back_what_was_before_both) {
  come_together();
  auto& store = in_.store();
  const auto before = store.rows();
  store.leave_sibling(in_.core().now);
  store.promote(in_.core().now, in_.core().now);
  const auto between = store.rows().epoch;
  in_.kill(*in_.live().back());
  pass(20 * second);
  EXPECT_EQ(store.rows().view->members.size(), 2U);
  const auto token = store.rows().view->id.token;
  store.promote_sibling();
  EXPECT_FALSE(store.has_sibling());
  EXPECT_EQ(store.rows().view, before.view);
  EXPECT_EQ(store.rows().lease, before.lease);
  EXPECT_NE(store.rows().epoch, before.epoch);
  EXPECT_NE(store.rows().epoch, between);
  pass(20 * second);
  EXPECT_EQ(leaders(), 1U);
  EXPECT_EQ(store.rows().view->members.size(), 2U);
  EXPECT_GE(store.rows().view->id.token, token);
  EXPECT_FALSE(in_.core().failure);
}

TEST_F(calm_world, both_rows_gone_cost_a_tenure_and_no_member) {
  come_together();
  const auto before = in_.store().rows().view->members.size();
  in_.store().truncate();
  EXPECT_FALSE(in_.store().rows().view);
  pass(20 * second);
  EXPECT_EQ(leaders(), 1U);
  EXPECT_EQ(in_.store().rows().view->members.size(), before);
  EXPECT_FALSE(in_.core().failure);
}

swarm with_a_client() {
  swarm s = calm_swarm();
  s.clients = 1;
  ++s.slots;
  return s;
}

class client_world : public calm_world {
 protected:
  client_world() : calm_world(with_a_client()) {}
};

TEST_F(client_world, a_client_is_answered_though_it_is_no_member) {
  come_together();
  in_.start_clients();
  pass(30 * second);
  EXPECT_GT(in_.calls().replies(), 0U);
  EXPECT_EQ(in_.store().rows().view->members.size(), 3U);
  EXPECT_FALSE(in_.core().failure);
}

}  // namespace
}  // namespace hedgerow::sim
