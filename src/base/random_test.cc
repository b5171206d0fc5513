// The same seed gives the same numbers everywhere: golden values, taken from the reference
// implementation of SplitMix64, hold that down.

#include "base/random.h"

#include <set>

#include <gtest/gtest.h>

namespace hedgerow::base {
namespace {

TEST(random, mix_is_splitmix64) {
  EXPECT_EQ(mix(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(mix(0x9e3779b97f4a7c15ULL), 0x6e789e6aa1b965f4ULL);
}

TEST(random, a_seed_fixes_all_numbers) {
  random a(42);
  random b(42);
  random c(43);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto n = a.next();
    EXPECT_EQ(n, b.next());
    EXPECT_NE(n, c.next());
    seen.insert(n);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(random, below_and_between_stay_inside_and_reach_the_ends) {
  random r(7);
  std::set<std::uint64_t> low;
  std::set<std::int64_t> around;
  for (int i = 0; i < 1000; ++i) {
    low.insert(r.below(5));
    around.insert(r.between(-2, 2));
  }
  EXPECT_EQ(low, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(around, (std::set<std::int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(r.below(1), 0U);
  EXPECT_EQ(r.between(9, 9), 9);
}

TEST(random, below_is_even) {
  random r(7);
  int counts[10] = {};
  for (int i = 0; i < 100'000; ++i)
    ++counts[r.below(10)];
  for (const int n : counts) {
    EXPECT_GT(n, 9'500);
    EXPECT_LT(n, 10'500);
  }
}

TEST(random, chance_keeps_its_word) {
  random r(7);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) {
    hits += r.chance(0.25) ? 1 : 0;
    EXPECT_FALSE(r.chance(0));
    EXPECT_TRUE(r.chance(1));
  }
  EXPECT_NEAR(hits, 25'000, 800);
}

}  // namespace
}  // namespace hedgerow::base
