// C1 to C5, D3, D4 and J1 as a leader weighs them: reports and their freshness, certain evidence,
// holds, the guard, and when the leader must doubt itself.

#include "core/membership/evidence.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/membership/members_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using message::edge_state;

constexpr membership_options defaults;
using numbers = std::set<std::uint64_t>;

// Member 1 leads. Everybody may report of everybody: only what rings ask for counts.
struct court {
  evidence one{defaults, life(1)};
  boot_time now = at(0s);
  view members;
  std::uint64_t nonce = 0;

  explicit court(std::uint64_t n, bool may_condemn = false) {
    for (std::uint64_t i = 1; i <= n; ++i)
      members.members.push_back(member_of(i));
    one.begin(now, may_condemn);
    watch();
  }
  void watch() { one.watch(now, std::make_shared<const view>(members)); }
  message::report report_of(std::uint64_t who, const numbers& down,
                            edge_state state = edge_state::down) const {
    message::report r{nonce, {}, {}};
    for (const auto& m : members.members) {
      if (m.incarnation == life(who)) continue;
      r.edges.push_back({m.incarnation, down.contains(m.incarnation.low) ? state : edge_state::up});
    }
    return r;
  }
  // A beat, and the reports of all but the mute; those who report say `down` of these.
  void round(const numbers& mute, const numbers& down) {
    now = now + defaults.probe_period;
    nonce = one.beat(now);
    for (const auto& m : members.members) {
      const auto who = m.incarnation.low;
      if (who == 1) {
        one.on_own_edges(report_of(1, down).edges, true);
      } else if (!mute.contains(who)) {
        one.on_report(now, m.incarnation, report_of(who, down));
      }
    }
  }
  // Past all grace, everybody well.
  void settle() {
    for (int i = 0; i < 8; ++i)
      round({}, {});
    EXPECT_TRUE(one.judge(now).gone.empty());
  }
  // These fall silent, and their observers say so. Past their freshness.
  void fall_silent(const numbers& who) {
    for (int i = 0; i < 4; ++i)
      round(who, {});
    round(who, who);
  }
  numbers gone(removal_reason reason) {
    numbers found;
    for (const auto& r : one.judge(now).gone)
      if (r.reason == reason) found.insert(r.incarnation.low);
    return found;
  }
  bool stands_back() { return one.judge(now).stand_back; }
};

TEST(evidence, C1_a_silent_member_falls_when_its_observers_agree) {
  court c(5);
  c.settle();
  c.fall_silent({5});
  EXPECT_TRUE(c.gone(removal_reason::silent).empty()) << "C2: not before the hold";
  ASSERT_EQ(c.one.next_wake(), c.now + defaults.hold);
  c.now = c.one.next_wake();
  EXPECT_EQ(c.gone(removal_reason::silent), numbers{5});
}

TEST(evidence, C1_one_voucher_saves) {
  court c(5);
  c.settle();
  for (int i = 0; i < 10; ++i) {
    c.now = c.now + defaults.probe_period;
    c.nonce = c.one.beat(c.now);
    c.one.on_own_edges(c.report_of(1, {5}).edges, true);
    for (const std::uint64_t who : {2U, 3U})
      c.one.on_report(c.now, life(who), c.report_of(who, {5}));
    c.one.on_report(c.now, life(4), c.report_of(4, {}));
    EXPECT_TRUE(c.gone(removal_reason::silent).empty());
  }
}

TEST(evidence, D4_a_report_counts_while_its_observer_is_fresh) {
  court c(5);
  c.settle();
  // 2, 3 and 4 said "down", and are mute since; only the leader is left to say anything of 5.
  c.round({5}, {5});
  ASSERT_TRUE(c.one.fresh(c.now, life(4)));
  c.now = c.now + defaults.silence() + 1ns;
  EXPECT_FALSE(c.one.fresh(c.now, life(4)));
  c.one.on_own_edges(c.report_of(1, {}).edges, true);
  EXPECT_TRUE(c.gone(removal_reason::silent).empty());
}

TEST(evidence, D4_freshness_is_the_echo_of_a_beat_not_the_arrival_of_a_report) {
  court c(3);
  c.settle();
  const auto old = c.report_of(2, {});
  const auto sent = c.now;
  c.now = c.now + defaults.silence();
  c.one.on_report(c.now, life(2), old);
  EXPECT_TRUE(c.one.fresh(c.now, life(2)));
  c.now = c.now + 1ns;
  c.one.on_report(c.now, life(2), old);
  EXPECT_FALSE(c.one.fresh(c.now, life(2))) << (c.now - sent).count();
  auto paused = c.report_of(2, {});
  paused.nonce = 0;
  c.one.on_report(c.now, life(2), paused);
  EXPECT_FALSE(c.one.fresh(c.now, life(2)));
  auto invented = c.report_of(2, {});
  invented.nonce = 1'000'000;
  c.one.on_report(c.now, life(2), invented);
  EXPECT_FALSE(c.one.fresh(c.now, life(2)));
}

TEST(evidence, C2_the_hold_begins_anew_when_others_fall_but_not_for_ever) {
  court c(12);
  c.settle();
  c.fall_silent({12});
  EXPECT_TRUE(c.gone(removal_reason::silent).empty());
  c.now = c.now + defaults.hold - 1ms;
  c.nonce = c.one.beat(c.now);
  for (std::uint64_t who = 2; who <= 10; ++who)
    c.one.on_report(c.now, life(who), c.report_of(who, {11, 12}));
  c.one.on_own_edges(c.report_of(1, {11, 12}).edges, true);
  EXPECT_TRUE(c.gone(removal_reason::silent).empty());
  EXPECT_EQ(c.one.next_wake(), c.now + defaults.hold);
  c.now = c.now + defaults.hold;
  EXPECT_EQ(c.gone(removal_reason::silent), (numbers{11, 12}));
}

TEST(evidence, C3_a_doubt_gets_helpers_and_then_degrades) {
  court c(16);
  c.settle();
  // Four of the ten observers of member 16 can't hear it; they are found by asking the rings.
  const rings who(c.members, defaults.observers_max);
  numbers deaf;
  for (const auto o : who.observers_of(15))
    if (o != 0 && deaf.size() < 4) deaf.insert(o + 1);
  const auto doubtful_round = [&] {
    c.round({}, {});
    for (const auto d : deaf)
      c.one.on_report(c.now, life(d), c.report_of(d, {16}));
    return c.one.judge(c.now);
  };
  EXPECT_TRUE(doubtful_round().doubtful.empty()) << "first others are asked";
  std::size_t helpers = 0;
  for (const auto& m : c.members.members) {
    const auto extra = c.one.extra_subjects_of(m.incarnation);
    helpers += extra.size();
    if (!extra.empty()) {
      EXPECT_EQ(extra[0], life(16));
    }
  }
  EXPECT_EQ(helpers, 5U);
  // They hear it, but four of fifteen are no doubt any more.
  EXPECT_TRUE(doubtful_round().doubtful.empty());

  court sick(5);
  sick.settle();
  const auto until = sick.now + defaults.doubt_patience + 2 * defaults.probe_period;
  bool degraded = false;
  while (sick.now < until) {
    sick.round({}, {});
    sick.one.on_report(sick.now, life(2), sick.report_of(2, {5}));
    sick.one.on_report(sick.now, life(3), sick.report_of(3, {5}));
    const auto found = sick.one.judge(sick.now);
    EXPECT_TRUE(found.gone.empty());
    degraded = found.doubtful.contains(life(5));
  }
  EXPECT_TRUE(degraded);
}

TEST(evidence, C4_too_many_at_once_are_degraded_with_an_alarm) {
  court c(12);
  c.settle();
  const numbers many{8, 9, 10, 11, 12};  // four of twelve would pass
  c.fall_silent(many);
  c.one.judge(c.now);
  c.now = c.one.next_wake();
  const auto found = c.one.judge(c.now);
  EXPECT_FALSE(found.stand_back);
  EXPECT_TRUE(found.gone.empty());
  EXPECT_FALSE(found.alarm.empty());
  EXPECT_EQ(found.doubtful.size(), many.size());
  EXPECT_EQ(found.refused.size(), many.size()) << "the leader itself looks whether they crashed";
  EXPECT_GT(c.one.next_wake(), c.now + 1ms) << "it waits for news, it does not spin";
}

TEST(evidence, C4_the_guard_counts_each_member_once_however_long_the_commit_takes) {
  court c(12);
  c.settle();
  c.fall_silent({12});
  for (int i = 0; i < 20; ++i) {  // six seconds, and still in the view
    c.round({12}, {12});
    c.one.judge(c.now);
  }
  EXPECT_EQ(c.gone(removal_reason::silent), numbers{12});
  c.fall_silent({10, 11, 12});
  c.one.judge(c.now);
  c.now = c.one.next_wake();
  const auto found = c.one.judge(c.now);
  EXPECT_EQ(found.gone.size(), 3U) << found.alarm;
}

TEST(evidence, C4_two_may_always_go) {
  court c(5);
  c.settle();
  c.fall_silent({4, 5});
  c.one.judge(c.now);
  c.now = c.one.next_wake();
  EXPECT_EQ(c.gone(removal_reason::silent), (numbers{4, 5}));
}

TEST(evidence, C5_a_leader_that_hears_at_most_half_stands_back) {
  for (const std::uint64_t n : {2U, 4U, 5U}) {
    court c(n);
    c.settle();
    numbers silent;
    for (std::uint64_t i = 2 + (n - 1) / 3; i <= n; ++i)
      silent.insert(i);
    ASSERT_LE(2 * (n - silent.size()), n);
    c.fall_silent(silent);
    const auto found = c.one.judge(c.now);
    EXPECT_TRUE(found.stand_back) << n;
    EXPECT_TRUE(found.gone.empty());
  }
  court most(5);
  most.settle();
  most.fall_silent({4, 5});
  EXPECT_FALSE(most.stands_back());
  court alone(1);
  alone.now = alone.now + 1h;
  EXPECT_FALSE(alone.stands_back());
}

TEST(evidence, C5_invented_joiners_do_not_make_a_minority) {
  court c(3);
  c.settle();
  numbers invented;
  for (std::uint64_t i = 4; i <= 40; ++i) {
    c.members.members.push_back(member_of(i, member_state::joining));
    invented.insert(i);
  }
  c.watch();
  for (int i = 0; i < 6; ++i) {  // past their grace, not past their patience
    c.round(invented, invented);
    EXPECT_FALSE(c.stands_back()) << i;
  }
}

TEST(evidence, C5_a_refusal_shows_that_the_leader_is_not_cut_off) {
  court c(2);
  c.settle();
  c.fall_silent({2});
  c.one.on_own_edges(c.report_of(1, {2}, edge_state::refused).edges, true);
  EXPECT_FALSE(c.stands_back());
  c.one.on_confirmed(life(2), removal_reason::crashed);
  EXPECT_EQ(c.gone(removal_reason::crashed), numbers{2});
}

TEST(evidence, C5_a_refusal_by_its_own_machine_does_not) {
  court c(4);
  for (const std::size_t beside : {0U, 1U, 2U})
    c.members.members[beside].machine = "m1";
  c.members.members[3].machine = "m2";
  c.watch();
  c.settle();
  c.fall_silent({2, 4});
  const auto refused = [&](std::uint64_t who) {
    c.one.on_own_edges(c.report_of(1, {who}, edge_state::refused).edges, true);
  };
  refused(4);
  EXPECT_FALSE(c.stands_back()) << "another machine answered";
  refused(2);
  EXPECT_FALSE(c.stands_back()) << "of two others one is heard";
  c.fall_silent({2, 3, 4});
  refused(2);
  EXPECT_FALSE(c.stands_back())
      << "3 is silent on a machine that answers, and only 4 may be cut off";
  c.members.members[2].machine = "m2";
  c.watch();
  EXPECT_TRUE(c.stands_back()) << "3 and 4 may be cut off";
  c.one.on_confirmed(life(2), removal_reason::crashed);
  EXPECT_TRUE(c.stands_back());
}

TEST(evidence, C5_who_was_elected_again_may_condemn_but_not_in_a_later_cut) {
  court c(4, true);
  c.now = c.now + 3s;
  for (int i = 0; i < 5; ++i) {
    c.round({2, 3, 4}, {2, 3, 4});
    EXPECT_FALSE(c.stands_back());
  }
  c.one.judge(c.now);
  EXPECT_EQ(c.gone(removal_reason::silent), (numbers{2, 3, 4}));

  // Who knocks is heard, and has no voice: neither in what makes a minority nor in what ends it.
  court knocked(4, true);
  for (std::uint64_t i = 5; i <= 9; ++i)
    knocked.members.members.push_back(member_of(i, member_state::joining));
  knocked.watch();
  knocked.now = knocked.now + 3s;
  for (int i = 0; i < 5; ++i) {
    knocked.round({2, 3, 4}, {2, 3, 4});
    EXPECT_FALSE(knocked.stands_back()) << i;
  }

  court healed(4, true);
  healed.settle();
  healed.fall_silent({2, 3, 4});
  EXPECT_TRUE(healed.stands_back());
}

TEST(evidence, a_refusal_of_one_fresh_observer_is_worth_a_look_of_the_leaders_own) {
  court c(5);
  c.settle();
  c.one.on_report(c.now, life(3), c.report_of(3, {5}, edge_state::refused));
  const auto found = c.one.judge(c.now);
  ASSERT_EQ(found.refused.size(), 1U);
  EXPECT_EQ(found.refused[0].subject, life(5));
  EXPECT_FALSE(found.refused[0].leader_alone);
  EXPECT_TRUE(found.gone.empty());
  c.one.on_confirmed(life(5), removal_reason::crashed);
  EXPECT_EQ(c.gone(removal_reason::crashed), numbers{5}) << "no hold";
}

TEST(evidence, a_refusal_that_only_the_leader_saw_is_to_be_seen_twice) {
  court c(2);
  c.settle();
  c.one.on_own_edges(c.report_of(1, {2}, edge_state::refused).edges, true);
  const auto found = c.one.judge(c.now);
  ASSERT_EQ(found.refused.size(), 1U);
  EXPECT_TRUE(found.refused[0].leader_alone);
}

TEST(evidence, a_refusal_of_a_mute_observer_is_none) {
  court c(5);
  c.settle();
  c.one.on_report(c.now, life(3), c.report_of(3, {5}, edge_state::refused));
  c.now = c.now + defaults.silence() + 1ns;
  EXPECT_TRUE(c.one.judge(c.now).refused.empty());
}

TEST(evidence, nobody_accuses_itself_or_the_leader) {
  court c(3);
  c.settle();
  message::report r{c.nonce, {}, {{life(1), edge_state::refused}, {life(2), edge_state::left}}};
  c.one.on_report(c.now, life(2), r);
  const auto found = c.one.judge(c.now);
  EXPECT_TRUE(found.refused.empty());
  EXPECT_TRUE(found.gone.empty());
}

TEST(evidence, J2_a_farewell_heard_by_one_is_enough) {
  court c(5);
  c.settle();
  c.one.on_report(c.now, life(3), c.report_of(3, {5}, edge_state::left));
  EXPECT_EQ(c.gone(removal_reason::left), numbers{5});
}

TEST(evidence, a_new_tenure_gives_everybody_time) {
  court c(5);
  c.now = c.now + defaults.silence() + 2 * defaults.probe_period;
  EXPECT_FALSE(c.stands_back());
  c.now = c.now + 1ms;
  EXPECT_TRUE(c.stands_back());
}

TEST(evidence, D3_a_pause_of_the_leaders_own_gives_everybody_time_again) {
  court c(5);
  c.settle();
  c.now = c.now + 10s;
  c.one.on_pause(c.now);
  c.one.on_own_edges(c.report_of(1, {2, 3, 4, 5}).edges, false);
  EXPECT_FALSE(c.stands_back());
  c.now = c.now + defaults.silence();
  const auto found = c.one.judge(c.now);
  EXPECT_FALSE(found.stand_back);
  EXPECT_TRUE(found.gone.empty());
}

TEST(evidence, J1_a_joiner_is_up_when_its_observers_reach_it) {
  court c(4);
  c.settle();
  c.members.members.push_back(member_of(5, member_state::joining));
  c.watch();
  EXPECT_TRUE(c.one.judge(c.now).reached.empty());
  c.round({5}, {});
  EXPECT_EQ(c.one.judge(c.now).reached, std::set<incarnation>{life(5)});
}

TEST(evidence, J1_a_joiner_that_most_do_not_reach_in_time_is_turned_out) {
  for (const std::uint64_t deaf : {1U, 2U}) {
    court c(4);
    c.settle();
    c.members.members.push_back(member_of(5, member_state::joining));
    c.watch();
    const auto since = c.now;
    evidence::findings found;
    while (c.now <= since + defaults.join_patience) {
      c.round({5}, {});
      for (std::uint64_t d = 2; d < 2 + deaf; ++d)
        c.one.on_report(c.now, life(d), c.report_of(d, {5}));
      EXPECT_TRUE(found.reached.empty() && found.unreached.empty());
      found = c.one.judge(c.now);
    }
    EXPECT_EQ(found.reached.size(), deaf == 1 ? 1U : 0U) << "three of four reach it";
    EXPECT_EQ(found.unreached.size(), deaf == 1 ? 0U : 1U);
    EXPECT_TRUE(found.gone.empty()) << "joiners are not condemned";
  }
}

TEST(evidence, J1_joiners_do_not_vouch_for_joiners) {
  court c(1);
  c.members.members.push_back(member_of(2, member_state::joining));
  c.members.members.push_back(member_of(3, member_state::joining));
  c.watch();
  c.round({}, {3});
  EXPECT_EQ(c.one.judge(c.now).reached, std::set<incarnation>{life(2)});
}

}  // namespace
}  // namespace hedgerow::core
