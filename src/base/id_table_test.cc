#include "base/id_table.h"

#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "base/random.h"

namespace hedgerow::base {
namespace {

TEST(id_table, finds_what_was_added_until_it_is_taken) {
  id_table<std::unique_ptr<int>> table;
  EXPECT_EQ(table.find(7), nullptr);
  EXPECT_FALSE(table.erase(7));
  auto& seven = table.add(7, std::make_unique<int>(70));
  for (std::uint64_t i = 100; i < 1100; ++i)
    table.add(i, std::make_unique<int>(1));
  EXPECT_EQ(*seven, 70) << "it stays where it is";
  EXPECT_EQ(&seven, table.find(7));
  EXPECT_EQ(**table.take(7), 70);
  EXPECT_EQ(table.find(7), nullptr);
  EXPECT_EQ(table.size(), 1000U);
  table.clear();
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.find(100), nullptr);
}

TEST(id_table, does_the_same_as_a_map) {
  random any(1);
  id_table<std::uint64_t> table;
  std::map<std::uint64_t, std::uint64_t> same;
  std::uint64_t last = 0;
  for (int i = 0; i < 200'000; ++i) {
    // Some stay for long while thousands come and go; now and then the counter leaps.
    if (same.size() < 300 && any.chance(0.6)) {
      last += any.chance(0.01) ? any.below(1000) + 1 : 1;
      table.add(last, last * 3);
      same.emplace(last, last * 3);
    } else if (!same.empty()) {
      const std::uint64_t which = any.chance(0.5) ? same.begin()->first : last - any.below(400);
      ASSERT_EQ(table.take(which).has_value(), same.erase(which) == 1);
    }
    const std::uint64_t which = last - any.below(400);
    const auto* found = table.find(which);
    const auto at = same.find(which);
    ASSERT_EQ(found != nullptr, at != same.end());
    if (found != nullptr) {
      ASSERT_EQ(*found, at->second);
    }
    ASSERT_EQ(table.size(), same.size());
  }
  const auto ids = table.ids();
  ASSERT_EQ(ids.size(), same.size());
  EXPECT_TRUE(std::equal(ids.begin(), ids.end(), same.begin(),
                         [](auto id, const auto& entry) { return id == entry.first; }));
}

}  // namespace
}  // namespace hedgerow::base
