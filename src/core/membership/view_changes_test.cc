// Joins, leaves and removals as views: J1, J2, C5, S6, and the certain evidence of DESIGN 5.

#include <gtest/gtest.h>

#include "base/random.h"
#include "core/membership/view_leader.h"
#include "core/membership/view_stand.h"
#include "model/limits.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using message::edge_state;
using message::join_status;
using names = std::vector<std::string>;

void report(view_stand& s, std::uint64_t by, std::uint64_t subject, edge_state state) {
  std::uint64_t nonce = 1;
  for (const auto& b : s.noted<view_effect::beat>())
    nonce = std::max(nonce, b.nonce);
  s.act([&] { s.core.on_report(s.now, life(by), {nonce, {}, {{life(subject), state}}}, s.out); });
}

// A process of the same name and address, started anew or for the second time.
member another_life_of(std::uint64_t number) {
  auto who = member_of(number);
  who.incarnation = life(22);
  return who;
}

void own_edge(view_stand& s, std::uint64_t subject, edge_state state) {
  s.act([&] { s.core.on_own_edges(s.now, {{life(subject), state}}, true, s.out); });
}

TEST(view_changes, J1_a_joiner_is_admitted_as_joining_and_answered) {
  view_stand s;
  s.lead(7, {1});
  auto who = member_of(2);
  who.health = member_health::degraded;
  s.join(who);
  ASSERT_EQ(s.noted<view_effect::answer_join>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::answer_join>()[0].reply.status, join_status::admitted);
  s.reply_all();
  ASSERT_EQ(s.row->members.size(), 2U);
  EXPECT_EQ(s.row->members[1].state, member_state::joining) << "whatever it says of itself";
  EXPECT_EQ(s.row->members[1].health, member_health::alive);
  own_edge(s, 2, edge_state::up);
  s.tick(10ms);
  s.reply_all();
  EXPECT_EQ(s.row->members[1].state, member_state::up);
}

TEST(view_changes, J1_who_missed_its_admission_gets_the_view_again) {
  view_stand s;
  s.lead(7, {1, 2});
  s.join(member_of(2));
  ASSERT_EQ(s.noted<view_effect::show_view>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::show_view>().front().joiner, life(2));
  EXPECT_TRUE(s.noted<view_effect::publish>().empty()) << "the others have it";
  EXPECT_TRUE(s.open.empty());
}

TEST(view_changes, S5_who_was_removed_and_asks_again_is_shown_that) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  s.row->removed = {{"m4", life(4), removal_reason::silent}};
  s.core.end();
  s.begin(8);
  s.reply_all();
  s.join(member_of(4));
  s.reply_all();
  ASSERT_EQ(s.noted<view_effect::show_view>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::show_view>().front().view->id, s.core.current()->id);
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
}

TEST(view_changes, J1_nobody_is_admitted_before_the_first_view) {
  view_stand s;
  s.begin(7);
  s.join(member_of(2));
  ASSERT_EQ(s.noted<view_effect::answer_join>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::answer_join>()[0].reply.status, join_status::not_leader);
}

member on(const char* machine, const char* address, member who) {
  who.machine = machine;
  who.address = address;
  return who;
}

// A tenure over these members that has begun to lead, with nothing in flight.
void lead(view_stand& s, const std::vector<member>& members) {
  s.row = ports::view_row{{6, 5}, "e1", members, {}};
  s.act([&] { s.core.begin(s.now, 7, members[0], nullptr, false, s.out); });
  s.reply_all();
  s.tick();
}

std::vector<message::join_reply> answers(view_stand& s, const member& joiner) {
  s.join(joiner);
  std::vector<message::join_reply> all;
  for (const auto& a : s.noted<view_effect::answer_join>())
    all.push_back(a.reply);
  s.notes.clear();
  return all;
}

TEST(view_changes, J1_who_advertises_loopback_is_refused_beside_another_machine) {
  view_stand s;
  lead(s, {on("m1", "10.0.0.1:1", member_of(1))});
  const auto told = answers(s, on("m2", "127.0.0.1:1", member_of(2)));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].status, join_status::cut_off);
  EXPECT_EQ(told[0].address, "10.0.0.1:1");
  EXPECT_TRUE(s.open.empty()) << "nothing to commit";
  for (const auto& fine : {on("m1", "127.0.0.1:1", member_of(3)), on("", "[::1]:1", member_of(4)),
                           on("m1", "10.0.0.1:2", member_of(5))})
    EXPECT_EQ(answers(s, fine).at(0).status, join_status::admitted) << fine.name;
}

TEST(view_changes, J1_another_machine_is_refused_beside_who_advertises_loopback) {
  view_stand s;
  lead(s, {on("m1", "127.0.0.1:1", member_of(1))});
  const auto told = answers(s, on("m2", "10.0.0.2:1", member_of(2)));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].status, join_status::cut_off);
  EXPECT_EQ(told[0].address, "127.0.0.1:1");
}

TEST(view_changes, J1_only_members_that_are_heard_cut_a_joiner_off) {
  view_stand s;
  lead(s, {on("m1", "127.0.0.1:1", member_of(1)), on("m0", "127.0.0.1:2", member_of(2))});
  const member joiner = on("m1", "127.0.0.1:3", member_of(3));
  EXPECT_EQ(answers(s, joiner).at(0).status, join_status::not_leader)
      << "it may be of another boot";
  s.tick(membership_options{}.probe_period);
  report(s, 2, 1, edge_state::up);
  EXPECT_EQ(answers(s, joiner).at(0).status, join_status::cut_off);
}

TEST(view_changes, J1_newcomers_that_are_cut_off_from_each_other_come_one_by_one) {
  view_stand s;
  lead(s, {on("m1", "10.0.0.1:1", member_of(1))});
  EXPECT_EQ(answers(s, on("m1", "127.0.0.1:2", member_of(2))).at(0).status, join_status::admitted);
  EXPECT_EQ(answers(s, on("m2", "10.0.0.2:1", member_of(3))).at(0).status, join_status::not_leader);
}

TEST(view_changes, J1_an_earlier_life_cuts_nobody_off) {
  view_stand s;
  lead(s, {on("m1", "127.0.0.1:1", member_of(1)), on("m0", "127.0.0.1:2", member_of(2))});
  s.notes.clear();
  s.join(on("m1", "127.0.0.1:2", another_life_of(2)));
  EXPECT_TRUE(s.noted<view_effect::answer_join>().empty());
  EXPECT_EQ(s.noted<view_effect::verify>().size(), 1U);
}

TEST(view_changes, J1_a_leader_that_is_cut_off_from_a_member_it_hears_says_so) {
  view_stand s;
  lead(s, {on("m2", "127.0.0.1:1", member_of(1)), on("m1", "10.0.0.1:1", member_of(2))});
  s.tick(membership_options{}.probe_period);
  EXPECT_TRUE(s.noted<view_effect::cut_off>().empty());
  report(s, 2, 1, edge_state::up);
  ASSERT_EQ(s.noted<view_effect::cut_off>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::cut_off>()[0].from.address, "10.0.0.1:1");
}

TEST(view_changes, J1_a_name_whose_holder_answers_is_refused) {
  view_stand s;
  s.lead(7, {1, 2});
  const auto second = another_life_of(2);
  s.join(second);
  ASSERT_EQ(s.noted<view_effect::verify>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::verify>()[0].who.incarnation, life(2));
  s.join(second);
  EXPECT_EQ(s.noted<view_effect::verify>().size(), 1U) << "one look at a time";
  s.verified_as(2, verified::alive);
  ASSERT_EQ(s.noted<view_effect::answer_join>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::answer_join>()[0].reply.status, join_status::name_in_use);
  EXPECT_EQ(s.noted<view_effect::answer_join>()[0].reply.address, "m2:1");
  EXPECT_TRUE(s.open.empty());
}

TEST(view_changes, J1_a_restarted_member_is_replaced_in_one_view) {
  for (const auto outcome : {verified::refused, verified::other}) {
    view_stand s;
    s.lead(7, {1, 2, 3});
    const auto again = another_life_of(2);
    s.join(again);
    s.verified_as(2, outcome);
    s.reply();
    EXPECT_EQ(s.names(), (names{"m1", "m3", "m2"}));
    EXPECT_EQ(s.row->members[2].incarnation, life(22));
    ASSERT_FALSE(s.row->removed.empty());
    EXPECT_EQ(s.row->removed.back().reason, removal_reason::replaced);
  }
}

TEST(view_changes, J1_a_silent_holder_of_a_name_is_replaced_only_when_nobody_hears_it) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  const auto again = another_life_of(2);
  s.join(again);
  s.verified_as(2, verified::silent);
  EXPECT_TRUE(s.open.empty()) << "it was heard a moment ago";
  const auto silent_from = s.now + s.options.silence() + 3 * s.options.probe_period;
  while (s.now < silent_from) {
    s.tick(s.options.probe_period);
    report(s, 3, 2, edge_state::unknown);
    s.verified_as(2, verified::silent);
  }
  s.join(again);
  s.verified_as(2, verified::silent);
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m3", "m2"}));
}

TEST(view_changes, J1_a_holder_that_is_heard_again_before_the_commit_keeps_its_name) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  const auto again = another_life_of(2);
  const auto silent_from = s.now + s.options.silence() + 3 * s.options.probe_period;
  while (s.now < silent_from) {
    s.tick(s.options.probe_period);
    report(s, 3, 2, edge_state::unknown);
  }
  s.join(again);
  s.verified_as(2, verified::silent);
  ASSERT_EQ(s.open.size(), 1U) << "the commit";
  s.answer(s.take().id, {ports::store_outcome::unknown, false, {}, {}, "lost"});
  report(s, 2, 3, edge_state::up);
  s.tick(100ms);
  ASSERT_EQ(s.open.size(), 1U) << "a look at the row";
  s.reply_all();
  ASSERT_TRUE(s.core.ready());
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
  EXPECT_NE(s.core.current()->find(life(2)), nullptr);
  s.notes.clear();
  s.join(again);
  ASSERT_EQ(s.noted<view_effect::verify>().size(), 1U) << "it is asked again whose the name is";
  s.verified_as(2, verified::alive);
  EXPECT_EQ(s.noted<view_effect::answer_join>().back().reply.status, join_status::name_in_use);
}

TEST(view_changes, J1_the_leader_knows_that_it_holds_its_own_name) {
  view_stand s;
  s.lead(7, {1, 2});
  const auto second = another_life_of(1);
  s.join(second);
  EXPECT_TRUE(s.noted<view_effect::verify>().empty());
  ASSERT_EQ(s.noted<view_effect::answer_join>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::answer_join>()[0].reply.status, join_status::name_in_use);
  EXPECT_TRUE(s.open.empty());
}

TEST(view_changes, J1_of_two_newcomers_of_one_name_the_first_is_taken) {
  view_stand s;
  s.lead(7, {1});
  s.join(member_of(2));
  const auto second = another_life_of(2);
  s.join(second);
  s.reply_all();
  ASSERT_EQ(s.row->members.size(), 2U);
  EXPECT_EQ(s.row->members[1].incarnation, life(2));
}

TEST(view_changes, J1_a_full_group_says_so) {
  view_stand s;
  std::vector<std::uint64_t> all;
  for (std::uint64_t i = 1; i <= limits::members_max; ++i)
    all.push_back(i);
  s.lead(7, all);
  s.join(member_of(9999));
  ASSERT_EQ(s.noted<view_effect::answer_join>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::answer_join>()[0].reply.status, join_status::full);
}

TEST(view_changes, J1_only_so_many_join_at_once) {
  view_stand s;
  s.lead(7, {1});
  for (std::uint64_t i = 2; i <= limits::joining_max + 1; ++i)
    s.join(member_of(i));
  for (const auto& told : s.noted<view_effect::answer_join>())
    EXPECT_EQ(told.reply.status, join_status::admitted);
  s.join(member_of(9999));
  EXPECT_EQ(s.noted<view_effect::answer_join>().back().reply.status, join_status::not_leader);
  s.reply_all();
  s.join(member_of(9999));
  EXPECT_EQ(s.noted<view_effect::answer_join>().back().reply.status, join_status::not_leader);
  own_edge(s, 2, edge_state::up);
  s.tick(10ms);
  s.reply_all();
  s.join(member_of(9999));
  EXPECT_EQ(s.noted<view_effect::answer_join>().back().reply.status, join_status::admitted);
}

// Answers the oldest statement, now and then so that nobody knows whether it was executed.
void reply_or_lose(view_stand& s, base::random& dice) {
  if (dice.chance(0.8)) {
    s.reply();
    return;
  }
  const auto lost = s.take();
  if (dice.chance(0.5)) execute(s.row, lost.request);
  s.answer(lost.id, {ports::store_outcome::unknown, false, {}, {}, "lost"});
}

// The leader, and every member that is up, by their own word.
void all_reach_all(view_stand& s) {
  std::uint64_t nonce = 1;
  for (const auto& b : s.noted<view_effect::beat>())
    nonce = std::max(nonce, b.nonce);
  std::vector<message::edge> edges;
  const auto members = s.row->members;
  for (const member& m : members)
    edges.push_back({m.incarnation, edge_state::up});
  s.act([&] { s.core.on_own_edges(s.now, edges, true, s.out); });
  for (const member& by : members) {
    if (by.state == member_state::up)
      s.act([&] { s.core.on_report(s.now, by.incarnation, {nonce, {}, edges}, s.out); });
  }
}

// Each comes once, at any moment: while a commit is under way, or nobody knows what became of it.
TEST(view_changes, J1_of_a_hundred_that_join_none_is_lost) {
  base::random dice(7);
  view_stand s;
  s.lead(7, {1});
  constexpr std::uint64_t last = 101;
  std::uint64_t next = 2;
  std::size_t most = 1;
  for (int i = 0; i < 20'000 && most < last; ++i) {
    if (next <= last && dice.chance(0.3)) {
      s.join(member_of(next));
      const auto told = s.noted<view_effect::answer_join>().back();
      if (told.joiner == life(next) && told.reply.status == join_status::admitted) ++next;
    } else if (!s.open.empty()) {
      reply_or_lose(s, dice);
    }
    s.tick(5ms);
    const auto members = s.row->members;
    ASSERT_GE(members.size(), most) << "somebody vanished";
    most = members.size();
    all_reach_all(s);
  }
  EXPECT_EQ(most, std::size_t{last});
}

TEST(view_changes, J2_a_leaver_is_seen_leaving_and_then_gone) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  s.act([&] { s.core.on_leave(s.now, life(2), s.out); });
  s.reply();
  EXPECT_EQ(s.row->members[1].state, member_state::leaving);
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m3"}));
  EXPECT_EQ(s.row->removed.back().reason, removal_reason::left);
  EXPECT_EQ(s.noted<view_effect::publish>().size(), 2U);
}

TEST(view_changes, a_killed_member_is_gone_after_one_look_where_another_saw_it_too) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  s.tick();
  report(s, 2, 3, edge_state::refused);
  s.tick(5ms);
  ASSERT_EQ(s.noted<view_effect::verify>().size(), 1U);
  s.verified_as(3, verified::refused);
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2"})) << "no hold";
  EXPECT_EQ(s.row->removed.back().reason, removal_reason::crashed);
}

TEST(view_changes, a_leader_that_is_the_only_observer_looks_twice) {
  view_stand s;
  s.lead(7, {1, 2});
  own_edge(s, 2, edge_state::refused);
  s.tick(5ms);
  ASSERT_EQ(s.noted<view_effect::verify>().size(), 1U);
  s.verified_as(2, verified::refused);
  EXPECT_TRUE(s.open.empty());
  const auto from = s.now;
  while (s.noted<view_effect::verify>().size() < 2)
    ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.now - from, 50ms);
  s.verified_as(2, verified::refused);
  s.reply_all();
  EXPECT_EQ(s.names(), names{"m1"});
}

TEST(view_changes, silence_on_the_leaders_own_look_is_no_refusal) {
  for (const auto outcome : {verified::silent, verified::alive}) {
    view_stand s;
    s.lead(7, {1, 2, 3});
    s.tick();
    report(s, 2, 3, edge_state::refused);
    s.tick(5ms);
    s.verified_as(3, outcome);
    s.reply_all();
    EXPECT_EQ(s.names().size(), 3U);
  }
}

TEST(view_changes, a_look_is_taken_again_while_the_claim_stands) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  s.tick();
  report(s, 2, 3, edge_state::refused);
  s.tick(5ms);
  s.verified_as(3, verified::silent);
  s.tick(5ms);
  report(s, 2, 3, edge_state::refused);
  s.tick(5ms);
  EXPECT_EQ(s.noted<view_effect::verify>().size(), 2U);
}

TEST(view_changes, C1_the_end_of_the_hold_wakes_the_leader) {
  view_stand s;
  s.lead(7, {1, 2, 3, 4});
  const auto period = [&] {
    s.tick(s.options.probe_period);
    for (const std::uint64_t by : {2U, 3U})
      report(s, by, 4, edge_state::down);
    own_edge(s, 4, edge_state::down);
    s.tick(5ms);
  };
  for (int i = 0; i < 7; ++i)
    period();
  for (int i = 0; i < 20 && s.open.empty(); ++i)
    ASSERT_TRUE(s.wake());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
  EXPECT_EQ(s.row->removed.back().reason, removal_reason::silent);
}

TEST(view_changes, C2_joins_do_not_wait_for_a_doubtful_member) {
  view_stand s;
  s.lead(7, {1, 2, 3, 4});
  s.tick();
  report(s, 2, 4, edge_state::down);
  report(s, 3, 4, edge_state::down);
  s.join(member_of(5));
  EXPECT_EQ(s.open.size(), 1U);
}

TEST(view_changes, C5_a_leader_that_hears_nobody_stands_back_and_evicts_nobody) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  while (s.core.active() && s.now < at(10s)) {
    ASSERT_TRUE(s.wake());
    own_edge(s, 2, edge_state::down);
    s.reply_all();
  }
  EXPECT_EQ(s.noted<view_effect::stand_back>().size(), 1U);
  EXPECT_EQ(s.names().size(), 3U);
  EXPECT_FALSE(s.wake()) << "the tenure is over";
}

TEST(view_changes, D3_a_pause_of_the_leaders_own_is_no_silence_of_the_others) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  s.tick();
  s.now = s.now + 5s;
  s.core.on_pause(s.now);
  s.tick();
  EXPECT_TRUE(s.noted<view_effect::stand_back>().empty());
}

TEST(view_changes, S2_removals_are_remembered_but_not_without_end) {
  view_stand s;
  std::vector<std::uint64_t> all;
  for (std::uint64_t i = 1; i <= 60; ++i)
    all.push_back(i);
  s.lead(7, all);
  for (std::uint64_t i = 2; i <= 60; ++i)
    s.act([&] { s.core.on_leave(s.now, life(i), s.out); });
  s.reply_all();
  EXPECT_EQ(s.names(), names{"m1"});
  EXPECT_EQ(s.row->removed.size(), limits::removed_kept_max);
}

TEST(view_changes, nothing_wanted_nothing_committed) {
  view_stand s;
  s.lead(7, {1, 2});
  s.tick();
  for (int i = 0; i < 3; ++i) {
    report(s, 2, 1, edge_state::up);
    own_edge(s, 2, edge_state::up);
    s.tick(s.options.probe_period);
  }
  EXPECT_TRUE(s.open.empty());
}

}  // namespace
}  // namespace hedgerow::core
