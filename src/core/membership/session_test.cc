// S2, S5 and J1 from the side of a member: views only grow, an eviction ends a life, and joining is
// patient.

#include "core/membership/session.h"

#include <gtest/gtest.h>

#include "core/membership/members_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;

constexpr membership_options defaults;

struct seat {
  session one{defaults, member_of(1, member_state::joining)};
  session_effects out;
  boot_time now = at(0s);

  seat() { one.reincarnate(now, life(1)); }
  void accept(view_id id, const std::vector<std::uint64_t>& members) {
    out.clear();
    one.accept(now, view_of(id, members), out);
  }
  bool asks_to_join() {
    out.clear();
    one.tick(now, true, out);
    return count<session_effect::join>() == 1;
  }
  void answer(message::join_status status) {
    out.clear();
    one.on_join_reply(now, {status, "x:1"}, out);
  }
  template <class Effect>
  std::size_t count() const {
    std::size_t n = 0;
    for (const auto& e : out)
      n += std::holds_alternative<Effect>(e) ? 1U : 0U;
    return n;
  }
};

TEST(session, S2_only_greater_views_are_accepted) {
  seat s;
  s.accept({5, 3}, {1, 2});
  for (const view_id older : {view_id{5, 2}, view_id{4, 900}}) {
    s.accept(older, {1, 2, 3});
    EXPECT_TRUE(s.out.empty());
    EXPECT_EQ(s.one.current()->id, (view_id{5, 3}));
  }
  s.accept({6, 1}, {1, 2, 3});
  EXPECT_EQ(s.one.current()->id, (view_id{6, 1})) << "the token comes first";
}

TEST(session, S2_two_views_of_one_id_are_an_alarm) {
  seat s;
  s.accept({5, 3}, {1, 2});
  s.accept({5, 3}, {1, 2});
  EXPECT_TRUE(s.out.empty());
  s.accept({5, 3}, {1, 3});
  EXPECT_EQ(s.count<session_effect::conflict>(), 1U);
  EXPECT_NE(s.one.current()->find(life(2)), nullptr);
}

TEST(session, changes_are_told_from_the_last_view_seen) {
  seat s;
  s.accept({5, 3}, {1, 2});
  auto next = *view_of({5, 9}, {1, 3});
  next.removed.push_back({"m2", life(2), removal_reason::crashed});
  s.out.clear();
  s.one.accept(s.now, std::make_shared<const view>(next), s.out);
  ASSERT_EQ(s.count<session_effect::changed>(), 1U);
  const auto& change = std::get<session_effect::changed>(s.out[0]).change;
  ASSERT_EQ(change.added.size(), 1U);
  EXPECT_EQ(change.added[0].name, "m3");
  ASSERT_EQ(change.removed.size(), 1U);
  EXPECT_EQ(change.removed[0].reason, removal_reason::crashed);
}

TEST(session, J1_enters_once_and_then_asks_only_when_the_leader_is_silent) {
  seat s;
  EXPECT_TRUE(s.asks_to_join());
  EXPECT_FALSE(s.asks_to_join()) << "not before the retry is due";
  s.now = s.one.next_wake(1);
  EXPECT_TRUE(s.asks_to_join());
  s.accept({5, 1}, {1});
  EXPECT_EQ(s.count<session_effect::entered>(), 1U);
  EXPECT_TRUE(s.one.inside());
  s.accept({5, 2}, {1, 2});
  EXPECT_EQ(s.count<session_effect::entered>(), 0U);
  for (int i = 0; i < 20; ++i) {
    s.now = s.now + defaults.probe_period;
    s.one.on_beat(s.now);
    EXPECT_FALSE(s.asks_to_join());
    EXPECT_EQ(s.count<session_effect::pull>(), 0U);
  }
  EXPECT_EQ(s.one.next_wake(1), s.now + defaults.silence());
  s.now = s.one.next_wake(1);
  EXPECT_FALSE(s.asks_to_join());
  EXPECT_EQ(s.count<session_effect::pull>(), 1U) << "was it removed and never told?";
  EXPECT_EQ(s.one.next_wake(0), boot_time::never()) << "there is nobody to ask";
}

TEST(session, J1_without_a_leader_nobody_is_asked) {
  seat s;
  s.one.tick(s.now, false, s.out);
  EXPECT_TRUE(s.out.empty());
}

TEST(session, J1_an_admitted_one_waits_longer_and_a_sent_away_one_asks_soon) {
  seat s;
  EXPECT_TRUE(s.asks_to_join());
  s.answer(message::join_status::not_leader);
  EXPECT_LE(s.one.next_wake(1) - s.now, 50ms);
  s.answer(message::join_status::admitted);
  EXPECT_GE(s.one.next_wake(1) - s.now, defaults.join_retry);
  EXPECT_LE(s.one.next_wake(1) - s.now, 2s) << "the view may be lost";
}

TEST(session, J1_a_name_in_use_is_final_at_the_first_join_only) {
  seat fresh;
  fresh.answer(message::join_status::name_in_use);
  ASSERT_EQ(fresh.count<session_effect::failed>(), 1U);
  EXPECT_EQ(std::get<session_effect::failed>(fresh.out[0]).why.code, errc::name_in_use);
  EXPECT_EQ(fresh.one.next_wake(1), boot_time::never());

  seat evicted;
  evicted.accept({5, 1}, {1, 2});
  evicted.accept({5, 2}, {2});
  evicted.one.reincarnate(evicted.now, life(11));
  evicted.answer(message::join_status::name_in_use);
  EXPECT_TRUE(evicted.out.empty());
  EXPECT_NE(evicted.one.next_wake(1), boot_time::never());
}

TEST(session, J1_a_full_group_is_final) {
  seat s;
  s.answer(message::join_status::full);
  EXPECT_EQ(s.count<session_effect::failed>(), 1U);
  EXPECT_FALSE(s.asks_to_join());
}

TEST(session, J1_an_address_that_is_cut_off_is_final_and_says_what_to_do) {
  seat s;
  s.answer(message::join_status::cut_off);
  ASSERT_EQ(s.count<session_effect::failed>(), 1U);
  const error why = std::get<session_effect::failed>(s.out[0]).why;
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_NE(why.message().find("a member of this group advertises x:1"), std::string::npos)
      << why.message();
  EXPECT_NE(why.message().find("--advertise"), std::string::npos);
  EXPECT_FALSE(s.asks_to_join());
}

TEST(session, S5_absent_from_a_newer_view_is_evicted_and_told_why) {
  seat s;
  s.accept({5, 1}, {1, 2});
  auto next = *view_of({5, 2}, {2});
  next.removed.push_back({"m1", life(1), removal_reason::replaced});
  s.out.clear();
  s.one.accept(s.now, std::make_shared<const view>(next), s.out);
  ASSERT_EQ(s.count<session_effect::evicted>(), 1U);
  EXPECT_EQ(std::get<session_effect::evicted>(s.out.back()).reason, removal_reason::replaced);
  EXPECT_FALSE(s.one.inside());
}

// It joined, and was turned out before it saw the view that had let it in.
TEST(session, S5_a_joiner_that_a_view_names_as_removed_is_evicted) {
  seat s;
  auto next = *view_of({5, 2}, {2});
  next.removed.push_back({"m1", life(1), removal_reason::silent});
  s.one.accept(s.now, std::make_shared<const view>(next), s.out);
  EXPECT_EQ(s.count<session_effect::evicted>(), 1U);
}

TEST(session, S5_a_view_with_an_other_life_of_the_same_name_is_without_us) {
  seat s;
  s.accept({5, 1}, {1, 2});
  auto next = *view_of({5, 2}, {1, 2});
  next.members[0].incarnation = life(100);
  s.out.clear();
  s.one.accept(s.now, std::make_shared<const view>(next), s.out);
  EXPECT_EQ(s.count<session_effect::evicted>(), 1U);
}

TEST(session, S5_who_was_never_inside_is_not_evicted) {
  seat s;
  s.accept({5, 1}, {2});
  EXPECT_EQ(s.count<session_effect::evicted>(), 0U);
  EXPECT_TRUE(s.asks_to_join());
}

TEST(session, S5_comes_back_at_once_then_after_1_2_4_to_30_seconds) {
  seat s;
  std::uint64_t sequence = 0;
  for (const auto delay : {0s, 1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    s.accept({5, ++sequence}, {1, 2});
    auto inside = *view_of({5, ++sequence}, {2});
    inside.members.push_back(s.one.self());
    s.one.accept(s.now, std::make_shared<const view>(inside), s.out);
    ASSERT_TRUE(s.one.inside());
    s.accept({5, ++sequence}, {2});
    ASSERT_EQ(s.count<session_effect::evicted>(), 1U);
    s.one.reincarnate(s.now, life(100 + sequence));
    EXPECT_EQ(s.one.next_wake(1) - s.now, delay);
    s.now = s.one.next_wake(1);
    EXPECT_TRUE(s.asks_to_join());
  }
}

TEST(session, S5_a_minute_inside_forgives_earlier_evictions) {
  seat s;
  s.accept({5, 1}, {1});
  s.accept({5, 2}, {2});
  s.one.reincarnate(s.now, life(3));
  s.accept({5, 3}, {2, 3});
  s.now = s.now + 61s;
  s.accept({5, 4}, {2});
  s.one.reincarnate(s.now, life(4));
  EXPECT_EQ(s.one.next_wake(1), s.now);
}

TEST(session, J2_a_leaver_is_not_evicted) {
  seat s;
  s.accept({5, 1}, {1, 2});
  s.one.leave();
  s.accept({5, 2}, {2});
  EXPECT_EQ(s.count<session_effect::evicted>(), 0U);
  EXPECT_FALSE(s.one.inside());
  EXPECT_EQ(s.one.next_wake(1), boot_time::never());
}

}  // namespace
}  // namespace hedgerow::core
