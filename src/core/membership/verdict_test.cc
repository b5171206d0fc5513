// C1 against an oracle that shares no code with it: for all groups of up to five members in which
// everybody watches everybody, every combination of voices is judged.
//
// What the rule asks for is a fixpoint: (1) nobody who is spared could be condemned by the voices
// that are left, and (2) the condemned can be put in an order in which the voices that were left
// condemn each of them. The oracle searches that order.

#include "core/membership/verdict.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace hedgerow::core {
namespace {

using voices = std::vector<verdict_question::voice>;

verdict_question group(std::uint32_t n) {
  verdict_question q;
  q.subjects.resize(n);
  q.subjects[0].judged = false;  // the leader
  q.fresh.assign(n, true);
  return q;
}

bool among(const std::vector<std::uint32_t>& list, std::uint32_t one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

bool oracle_condemns(const verdict_question& q, std::uint32_t s,
                     const std::vector<std::uint32_t>& condemned) {
  int down = 0;
  int up = 0;
  for (const auto& v : q.subjects[s].voices) {
    if (q.fresh[v.observer] && !among(condemned, v.observer)) ++(v.down ? down : up);
  }
  if (down + up >= 3) return 10 * down >= 9 * (down + up);
  return up == 0 && q.subjects[s].own_link_stale;
}

bool oracle_orders(const verdict_question& q, const std::vector<std::uint32_t>& wanted,
                   std::vector<std::uint32_t>& so_far) {
  if (so_far.size() == wanted.size()) return true;
  for (const auto s : wanted) {
    if (among(so_far, s) || !oracle_condemns(q, s, so_far)) continue;
    so_far.push_back(s);
    if (oracle_orders(q, wanted, so_far)) return true;
    so_far.pop_back();
  }
  return false;
}

std::string describe(const verdict_question& q, const verdict& v) {
  std::string text;
  for (std::uint32_t s = 0; s < q.subjects.size(); ++s) {
    text += "\n" + std::to_string(s) + (q.fresh[s] ? " fresh" : " mute") +
            (q.subjects[s].own_link_stale ? " stale:" : " heard:");
    for (const auto& voice : q.subjects[s].voices)
      text += " " + std::to_string(voice.observer) + (voice.down ? "-" : "+");
    if (among(v.condemned, s)) text += " condemned";
  }
  return text;
}

// Whether the oracle agrees with the verdict.
bool agrees(const verdict_question& q) {
  const auto v = judge(q, {});
  std::vector<std::uint32_t> order;
  if (!oracle_orders(q, v.condemned, order)) return false;
  for (std::uint32_t s = 0; s < q.subjects.size(); ++s) {
    if (!q.subjects[s].judged && (among(v.condemned, s) || among(v.doubtful, s))) return false;
    if (among(v.condemned, s) && among(v.doubtful, s)) return false;
    if (q.subjects[s].judged && !among(v.condemned, s) && oracle_condemns(q, s, v.condemned))
      return false;
  }
  return std::is_sorted(v.condemned.begin(), v.condemned.end());
}

TEST(verdict, C1_agrees_with_the_oracle_in_all_groups_of_up_to_five) {
  std::size_t cases = 0;
  for (std::uint32_t n = 1; n <= 5; ++n) {
    const std::uint32_t bits = (n - 1) * (n - 1);
    for (std::uint32_t word = 0; word < 1U << bits; ++word) {
      auto q = group(n);
      std::uint32_t bit = 0;
      for (std::uint32_t s = 1; s < n; ++s) {
        for (std::uint32_t o = 0; o < n; ++o)
          if (o != s) q.subjects[s].voices.push_back({o, (word >> bit++ & 1U) != 0});
      }
      // Who is fresh is a matter of names only: the first few.
      for (std::uint32_t fresh = 1; fresh <= n; ++fresh) {
        for (std::uint32_t i = 0; i < n; ++i)
          q.fresh[i] = i < fresh;
        for (const std::uint32_t stale : {0U, 1U, 2U, 3U}) {  // none, the mute, the others, all
          if (n == 5 && (stale & 1U) == 0) continue;          // for speed
          for (std::uint32_t s = 1; s < n; ++s)
            q.subjects[s].own_link_stale = (stale & (q.fresh[s] ? 2U : 1U)) != 0;
          ++cases;
          ASSERT_TRUE(agrees(q)) << describe(q, judge(q, {}));
        }
      }
    }
  }
  EXPECT_GT(cases, 600'000U);
}

TEST(verdict, C1_nine_of_ten_condemn_eight_do_not) {
  for (const std::uint32_t down : {8U, 9U, 10U}) {
    auto q = group(12);
    for (std::uint32_t o = 0; o < 10; ++o)
      q.subjects[11].voices.push_back({o, o < down});
    const auto v = judge(q, {});
    EXPECT_EQ(v.condemned.size(), down >= 9 ? 1U : 0U);
    EXPECT_EQ(v.doubtful.size(), down >= 9 ? 0U : 1U) << "C3";
  }
}

TEST(verdict, C1_one_voucher_saves_in_a_small_group) {
  auto q = group(5);
  q.subjects[4].voices = voices{{0, true}, {1, true}, {2, true}, {3, false}};
  q.subjects[4].own_link_stale = true;
  EXPECT_TRUE(judge(q, {}).condemned.empty());
  q.fresh[3] = false;
  EXPECT_EQ(judge(q, {}).condemned, std::vector<std::uint32_t>{4}) << "a mute one does not vouch";
}

TEST(verdict, C1_fewer_than_three_voices_need_the_leaders_own_silence) {
  auto q = group(3);
  q.subjects[2].voices = voices{{0, true}, {1, true}};
  EXPECT_TRUE(judge(q, {}).condemned.empty());
  q.subjects[2].own_link_stale = true;
  EXPECT_EQ(judge(q, {}).condemned, std::vector<std::uint32_t>{2});
}

TEST(verdict, C1_a_lost_zone_falls_whole_though_its_members_vouch_for_each_other) {
  auto q = group(6);
  for (std::uint32_t s = 1; s < 6; ++s) {
    for (std::uint32_t o = 0; o < 6; ++o) {
      const bool apart = (s >= 4) != (o >= 4);
      if (o != s) q.subjects[s].voices.push_back({o, apart});
    }
    q.subjects[s].own_link_stale = s >= 4;
    q.fresh[s] = s < 4;  // no beat of theirs comes through
  }
  EXPECT_EQ(judge(q, {}).condemned, (std::vector<std::uint32_t>{4, 5}));
}

TEST(verdict, C1_who_is_condemned_accuses_nobody) {
  auto q = group(5);
  // 4 can hear nobody, and says so of all; nobody hears 4.
  for (std::uint32_t s = 1; s < 5; ++s) {
    for (std::uint32_t o = 0; o < 5; ++o)
      if (o != s) q.subjects[s].voices.push_back({o, s == 4 || o == 4});
  }
  EXPECT_EQ(judge(q, {}).condemned, std::vector<std::uint32_t>{4});
  EXPECT_TRUE(judge(q, {}).doubtful.empty());
}

TEST(verdict, C3_three_of_ten_are_a_doubt_two_are_none) {
  for (const std::uint32_t down : {2U, 3U}) {
    auto q = group(12);
    for (std::uint32_t o = 0; o < 10; ++o)
      q.subjects[11].voices.push_back({o, o < down});
    EXPECT_EQ(judge(q, {}).doubtful.size(), down == 3 ? 1U : 0U);
  }
}

TEST(verdict, nobody_is_condemned_unheard_of_but_heard) {
  auto q = group(2);
  EXPECT_TRUE(judge(q, {}).condemned.empty());
  q.subjects[1].own_link_stale = true;
  EXPECT_EQ(judge(q, {}).condemned, std::vector<std::uint32_t>{1});
}

}  // namespace
}  // namespace hedgerow::core
