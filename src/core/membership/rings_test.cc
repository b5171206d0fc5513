// D1: K = min(10, N - 1) distinct observers per member, the same on every node, spread evenly and
// over the zones.

#include "core/membership/rings.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "core/membership/members_stand.h"

namespace hedgerow::core {
namespace {

constexpr int observers_max = 10;

view group(std::uint64_t n, std::uint64_t zones = 1) {
  view v;
  for (std::uint64_t i = 1; i <= n; ++i) {
    v.members.push_back(member_of(i));
    v.members.back().zone = "z" + std::to_string(i % zones);
  }
  return v;
}

TEST(rings, D1_everybody_has_K_distinct_observers_and_is_none_of_them) {
  for (const std::uint32_t n : {1U, 2U, 3U, 5U, 10U, 11U, 12U, 60U}) {
    const rings r(group(n, 3), observers_max);
    for (std::uint32_t s = 0; s < n; ++s) {
      const auto& observers = r.observers_of(s);
      const std::set<std::uint32_t> distinct(observers.begin(), observers.end());
      EXPECT_EQ(distinct.size(), std::min<std::size_t>(observers_max, n - 1)) << n;
      EXPECT_EQ(observers.size(), distinct.size());
      EXPECT_FALSE(distinct.contains(s));
    }
  }
}

TEST(rings, D1_subjects_are_the_other_side_of_observers) {
  const rings r(group(40, 2), observers_max);
  std::size_t edges = 0;
  for (std::uint32_t o = 0; o < 40; ++o) {
    for (const auto s : r.subjects_of(o)) {
      const auto& observers = r.observers_of(s);
      EXPECT_NE(std::find(observers.begin(), observers.end(), o), observers.end());
      ++edges;
    }
  }
  EXPECT_EQ(edges, 400U);
}

TEST(rings, D1_the_order_of_the_view_does_not_matter) {
  auto v = group(30, 3);
  const rings before(v, observers_max);
  auto turned = v;
  std::reverse(turned.members.begin(), turned.members.end());
  const rings after(turned, observers_max);
  for (std::uint32_t s = 0; s < 30; ++s) {
    std::set<incarnation> here;
    std::set<incarnation> there;
    for (const auto o : before.observers_of(s))
      here.insert(v.members[o].incarnation);
    for (const auto o : after.observers_of(29 - s))
      there.insert(turned.members[o].incarnation);
    EXPECT_EQ(here, there);
  }
}

TEST(rings, D1_most_edges_outlive_a_change_of_the_view) {
  const auto v = group(50);
  auto smaller = v;
  smaller.members.erase(smaller.members.begin() + 20);
  const rings before(v, observers_max);
  const rings after(smaller, observers_max);
  std::size_t kept = 0;
  for (std::uint32_t s = 0; s < 49; ++s) {
    std::set<incarnation> old;
    for (const auto o : before.observers_of(s < 20 ? s : s + 1))
      old.insert(v.members[o].incarnation);
    for (const auto o : after.observers_of(s))
      kept += old.count(smaller.members[o].incarnation);
  }
  EXPECT_GT(kept, 49U * 10 * 8 / 10);
}

TEST(rings, D1_some_observers_are_of_other_zones_and_one_is_of_the_own) {
  const auto v = group(60, 3);
  const rings r(v, observers_max);
  for (std::uint32_t s = 0; s < 60; ++s) {
    int own = 0;
    int other = 0;
    for (const auto o : r.observers_of(s))
      ++(v.members[o].zone == v.members[s].zone ? own : other);
    EXPECT_GE(own, 1);
    EXPECT_GE(other, 3);
  }
}

TEST(rings, nobody_is_asked_to_watch_far_more_than_the_others) {
  const rings r(group(200), observers_max);
  for (std::uint32_t o = 0; o < 200; ++o)
    EXPECT_LE(r.subjects_of(o).size(), 60U);
}

}  // namespace
}  // namespace hedgerow::core
