// R6 to R10 of the lease reference, and F10 to F12 of the fast tier's: how a lease is kept, given
// up, lost, and what a change of the store's epoch does to it.

#include <gtest/gtest.h>

#include "core/lease/lease.h"
#include "core/lease/lease_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using ports::lease_action;
using ports::store_outcome;

constexpr lease_options defaults;

TEST(lease, R6_renewals_are_sent_in_time_to_fail_three_times) {
  lease_stand s;
  s.lead();
  const auto from = s.now.boot;
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.now.boot - from, defaults.lease / 4);
  const auto& asked = s.open.front().request;
  EXPECT_EQ(asked.action, lease_action::renew);
  EXPECT_EQ(asked.row.token, s.core.held_token());
  EXPECT_EQ(asked.row.incarnation, stand_self);
  s.reply();
  EXPECT_EQ(s.core.expires(), s.row->expires);
}

TEST(lease, R6_renewal_never_lowers_the_expiry) {
  lease_stand s;
  s.lead();
  const instant before = s.core.expires();
  s.pass(750ms);
  s.now.truth.latest = s.now.truth.earliest = s.now.truth.earliest - 900ms;  // a better reading
  s.act([&] { s.core.tick(s.now, s.out); });
  ASSERT_EQ(s.open.front().request.action, lease_action::renew);
  EXPECT_LT(s.open.front().request.row.expires, before);
  s.reply();
  EXPECT_EQ(s.core.expires(), before);
  EXPECT_EQ(s.row->expires, before);
}

TEST(lease, R6_a_renewal_that_finds_another_holder_is_a_loss_told_first) {
  lease_stand s;
  s.lead(7);
  ASSERT_TRUE(s.wake());
  s.other_holds(8, 3s);
  s.reply();
  EXPECT_FALSE(s.acts());
  ASSERT_FALSE(s.out.empty());
  ASSERT_TRUE(std::holds_alternative<lease_effect::lost>(s.out.front()));
  EXPECT_EQ(std::get<lease_effect::lost>(s.out.front()).token, 7);
}

TEST(lease, R6_nothing_is_renewed_once_E_is_near) {
  lease_stand s;
  s.lead();
  s.tick(s.core.act_until() - s.now.truth.latest);
  EXPECT_TRUE(s.open.empty());
  EXPECT_EQ(s.core.held_token(), 0);
}

TEST(lease, R7_resigning_stops_acting_before_anything_is_said) {
  lease_stand s;
  s.lead(7);
  s.act([&] { s.core.resign(s.now, s.out); });
  EXPECT_FALSE(s.acts());
  ASSERT_EQ(s.out.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<lease_effect::lost>(s.out[0]));
  ASSERT_TRUE(std::holds_alternative<lease_effect::submit>(s.out[1]));
  EXPECT_EQ(s.open.front().request.action, lease_action::release);
  EXPECT_FALSE(s.core.idle());
  s.reply();
  ASSERT_EQ(s.noted<lease_effect::released>().size(), 1U);
  EXPECT_EQ(s.noted<lease_effect::released>()[0].token, 7);
  EXPECT_TRUE(s.core.idle());
  EXPECT_FALSE(s.wake()) << "resigned for good";
  EXPECT_TRUE(s.row->released);
  EXPECT_EQ(s.row->token, 7) << "kept";
}

TEST(lease, R7_a_renewal_in_flight_does_not_revive_what_was_given_up) {
  lease_stand s;
  s.lead();
  ASSERT_TRUE(s.wake());
  const auto renewal = s.take();
  s.act([&] { s.core.stand_back(s.now, "test", s.out); });
  s.answer(renewal.id, execute(s.row, s.epoch, renewal.request));
  EXPECT_EQ(s.core.held_token(), 0);
  EXPECT_FALSE(s.acts());
}

TEST(lease, R7_a_release_that_fails_is_repeated_with_a_pause_until_the_lease_is_over) {
  lease_stand s;
  s.lead();
  s.act([&] { s.core.resign(s.now, s.out); });
  const auto from = s.now.boot;
  int attempts = 0;
  for (; !s.core.idle() && attempts < 10'000; ++attempts) {
    s.fail(store_outcome::failed);
    if (s.open.empty() && !s.core.idle()) {
      ASSERT_TRUE(s.wake());
    }
  }
  EXPECT_GE(s.now.boot - from, defaults.lease) << "given up early";
  EXPECT_LE(attempts, 200) << "a store that fails at once is not to be hammered";
  EXPECT_GE(attempts, 3);
}

TEST(lease, R7_a_release_without_an_answer_is_repeated) {
  lease_stand s;
  s.lead();
  s.act([&] { s.core.resign(s.now, s.out); });
  s.open.clear();
  ASSERT_TRUE(s.wake());
  ASSERT_EQ(s.open.size(), 1U);
  s.reply();
  EXPECT_EQ(s.noted<lease_effect::released>().size(), 1U);
}

TEST(lease, R7_a_take_in_flight_when_resigning_is_released) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.reply();
  s.act([&] { s.core.resign(s.now, s.out); });
  EXPECT_FALSE(s.core.idle());
  s.reply();
  EXPECT_TRUE(s.noted<lease_effect::gained>().empty());
  ASSERT_EQ(s.open.front().request.action, lease_action::release);
  s.reply();
  EXPECT_TRUE(s.row->released);
  EXPECT_TRUE(s.core.idle());
}

TEST(lease, R7_a_take_of_unknown_outcome_keeps_a_resigned_node_until_it_is_known) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.reply();
  s.act([&] { s.core.resign(s.now, s.out); });
  s.lose_reply();
  for (int i = 0; i < 10 && s.open.empty(); ++i) {
    EXPECT_FALSE(s.core.idle()) << "the row may be ours";
    ASSERT_TRUE(s.wake());
  }
  s.reply();  // read
  s.reply();  // release
  EXPECT_TRUE(s.row->released);
  EXPECT_TRUE(s.core.idle());
}

TEST(lease, R7_a_release_heard_of_hands_over_at_once) {
  lease_stand s;
  s.other_holds(5, 3s);
  s.reply();
  s.act([&] { s.core.on_released(s.now, 5, s.out); });
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.action, lease_action::acquire);
}

TEST(lease, R7_a_release_heard_of_while_a_read_is_in_flight_is_not_forgotten) {
  lease_stand s;
  s.other_holds(5, 3s);
  const auto read = s.take();
  const auto before = execute(s.row, s.epoch, read.request);
  s.row->released = true;
  s.act([&] { s.core.on_released(s.now, 5, s.out); });
  s.answer(read.id, before);
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_TRUE(s.reply().applied);
}

TEST(lease, C5_a_node_that_stands_back_lets_others_go_first) {
  lease_stand s;
  s.lead(7);
  const instant heard_of = s.core.expires();
  s.act([&] { s.core.stand_back(s.now, "test", s.out); });
  s.reply();
  const auto from = s.now.boot;
  ASSERT_TRUE(s.wake());
  EXPECT_GE(s.now.boot - from, defaults.stand_back);
  EXPECT_GT(s.now.truth.earliest, heard_of)
      << "who does not hear of the release looks when the expiry that it knows has passed";
  s.reply();
  EXPECT_EQ(s.noted<lease_effect::gained>().size(), 1U);
  EXPECT_GT(s.core.held_token(), 7);
}

TEST(lease, R8_a_row_is_created_only_after_it_was_seen_missing_and_nobody_acts_for_LMAX) {
  lease_stand s;
  ASSERT_EQ(s.open.front().request.action, lease_action::read);
  s.reply();
  ASSERT_EQ(s.open.front().request.action, lease_action::create);
  const auto created = s.open.front().request.row;
  EXPECT_EQ(created.lease_max, defaults.lease);
  EXPECT_EQ(created.token, s.now.truth.token_hint + 2 * defaults.max_error.count());
  EXPECT_TRUE(created.released);
  s.pass(defaults.lease / 4);
  s.reply();
  EXPECT_EQ(s.core.held_token(), 0) << "who creates the row does not have it yet";
  ASSERT_EQ(s.open.front().request.action, lease_action::acquire);
  const auto asked = s.open.front().request.row;
  EXPECT_EQ(asked.safe_after, s.now.truth.latest + defaults.lease + 2 * defaults.max_error);
  s.reply();
  EXPECT_EQ(s.noted<lease_effect::waiting>().size(), 1U);
  while (!s.acts()) {
    ASSERT_LE(s.now.truth.earliest, asked.safe_after);
    if (s.open.empty()) {
      ASSERT_TRUE(s.wake());
    } else {
      s.reply();
    }
  }
  EXPECT_EQ(s.now.truth.earliest, asked.safe_after + 1us);
  EXPECT_EQ(s.noted<lease_effect::gained>().size(), 1U);
}

TEST(lease, R8_a_row_deleted_under_its_holder_is_lost_and_created_with_the_wait) {
  lease_stand s;
  s.lead();
  s.row.reset();
  ASSERT_TRUE(s.wake());
  s.reply();
  EXPECT_EQ(s.noted<lease_effect::lost>().size(), 1U);
  ASSERT_EQ(s.open.front().request.action, lease_action::create);
  s.reply();
  ASSERT_EQ(s.open.front().request.action, lease_action::acquire);
  s.reply();
  EXPECT_GT(s.row->safe_after, s.now.truth.latest + defaults.lease);
}

// Of a reading of its own it can say nothing: another may have led, and its row been deleted,
// since.
TEST(lease, R8_a_row_that_is_created_late_is_waited_for_from_its_take_on) {
  lease_stand s;
  s.reply();
  ASSERT_EQ(s.open.front().request.action, lease_action::create);
  const auto late = s.open.front().request;
  s.fail(ports::store_outcome::unknown);
  s.pass(10 * defaults.lease);
  EXPECT_TRUE(execute(s.row, "e1", late).applied);
  while (s.core.held_token() == 0) {
    if (s.open.empty()) {
      ASSERT_TRUE(s.wake());
    } else {
      s.reply();
    }
  }
  EXPECT_FALSE(s.acts());
  EXPECT_GT(s.row->safe_after, s.now.truth.latest + defaults.lease);
}

TEST(lease, R8_who_takes_over_within_the_wait_inherits_it) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.row->safe_after = s.now.truth.latest + 2s;
  s.reply();
  s.reply();
  EXPECT_NE(s.core.held_token(), 0);
  EXPECT_FALSE(s.acts());
  EXPECT_TRUE(s.noted<lease_effect::gained>().empty());
}

TEST(lease, R9_statements_carry_the_epoch_that_was_seen_before_the_clock_was_read) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.reply();
  EXPECT_EQ(s.open.front().request.row.epoch, "e1");
  s.epoch = "e2";
  EXPECT_FALSE(s.reply().applied) << "the take is pinned";
  EXPECT_EQ(s.core.held_token(), 0);
  EXPECT_EQ(s.core.epoch(), "e2");
}

TEST(lease, R10_the_loss_is_decided_by_the_clock_alone_and_told_before_E) {
  lease_stand s;
  s.lead(7);
  const instant expires = s.core.expires();
  while (s.core.held_token() != 0) {
    s.open.clear();  // the store is silent
    ASSERT_TRUE(s.wake());
    ASSERT_LT(s.now.truth.latest, expires + 1s);
  }
  EXPECT_LT(s.now.truth.latest, expires);
  EXPECT_EQ(s.now.truth.latest, expires - defaults.margin());
  ASSERT_FALSE(s.out.empty());
  ASSERT_TRUE(std::holds_alternative<lease_effect::lost>(s.out.front()));
  EXPECT_EQ(s.noted<lease_effect::lost>().size(), 1U);
}

TEST(lease, F10_a_token_that_was_dropped_never_comes_back) {
  lease_stand s;
  s.lead(7);
  s.tick(s.core.act_until() - s.now.truth.latest);
  ASSERT_EQ(s.core.held_token(), 0);
  s.row->expires = s.row->expires + 10s;  // a renewal that was late
  ASSERT_TRUE(s.wake());
  ASSERT_EQ(s.open.front().request.action, lease_action::acquire);
  EXPECT_FALSE(s.reply().applied);
  EXPECT_EQ(s.core.held_token(), 0) << "the row is its own, and has time left";
  ASSERT_TRUE(s.wake());
  s.reply();
  EXPECT_GT(s.core.held_token(), 7);
}

TEST(lease, F11_a_row_of_another_epoch_is_taken_after_the_wait_only) {
  for (const bool released : {false, true}) {
    lease_stand s;
    s.other_holds(5, -1s);
    s.row->released = released;
    s.epoch = "e2";
    s.reply();
    const instant seen = s.now.truth.latest;
    EXPECT_TRUE(s.open.empty());
    EXPECT_EQ(s.noted<lease_effect::waiting>().size(), 1U);
    ASSERT_TRUE(s.wake());
    EXPECT_EQ(s.now.truth.earliest, seen + defaults.lease + 2 * defaults.max_error + 1us);
    ASSERT_EQ(s.open.size(), 1U);
    const auto& asked = s.open.front().request;
    EXPECT_TRUE(asked.waited);
    EXPECT_EQ(asked.row.token, s.now.truth.token_hint + 2 * defaults.max_error.count())
        << "from a reading of that moment";
    EXPECT_TRUE(s.reply().applied);
    EXPECT_TRUE(s.acts()) << "the wait came before";
    EXPECT_EQ(s.row->epoch, "e2");
  }
}

TEST(lease, F11_the_wait_is_as_long_as_the_groups_longest_lease) {
  lease_stand s({.lease = 1s});
  s.other_holds(5, -1s);
  s.row->lease_max = 10s;
  s.epoch = "e2";
  s.reply();
  const instant seen = s.now.truth.latest;
  ASSERT_TRUE(s.wake());
  EXPECT_GT(s.now.truth.earliest, seen + 10s);
}

TEST(lease, F11_the_wait_begins_anew_with_each_epoch) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.epoch = "e2";
  s.reply();
  ASSERT_TRUE(s.wake());
  s.epoch = "e3";
  EXPECT_FALSE(s.reply().applied);
  const instant seen = s.now.truth.latest;
  EXPECT_TRUE(s.open.empty());
  ASSERT_TRUE(s.wake());
  EXPECT_GT(s.now.truth.earliest, seen + defaults.lease);
}

TEST(lease, F12_a_holder_that_may_act_writes_the_new_epoch_at_once) {
  lease_stand s;
  s.lead(7);
  s.epoch = "e2";
  ASSERT_TRUE(s.wake());
  const instant before = s.core.expires();
  EXPECT_FALSE(s.reply().applied) << "the renewal is pinned to the old epoch";
  EXPECT_EQ(s.core.expires(), before);
  EXPECT_TRUE(s.acts());
  ASSERT_EQ(s.open.size(), 1U);
  const auto& asked = s.open.front().request;
  EXPECT_EQ(asked.action, lease_action::repin);
  EXPECT_EQ(asked.row.epoch, "e2");
  EXPECT_EQ(asked.row.version, s.row->version + 1);
  EXPECT_TRUE(s.reply().applied);
  EXPECT_EQ(s.core.held_token(), 7);
  EXPECT_EQ(s.row->epoch, "e2");
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.open.front().request.action, lease_action::renew);
  EXPECT_TRUE(s.reply().applied);
  EXPECT_TRUE(s.noted<lease_effect::lost>().empty());
}

TEST(lease, F12_a_repin_of_unknown_outcome_is_repeated_under_a_number_of_its_own) {
  lease_stand s;
  s.lead(7);
  s.epoch = "e2";
  ASSERT_TRUE(s.wake());
  s.reply();
  const auto first = s.open.front().request.row.version;
  s.lose_reply();
  ASSERT_TRUE(s.wake());  // the deadline
  ASSERT_TRUE(s.wake());
  ASSERT_EQ(s.open.front().request.action, lease_action::repin);
  EXPECT_EQ(s.open.front().request.row.version, first + 1);
  EXPECT_TRUE(s.reply().applied);
  EXPECT_TRUE(s.acts());
}

TEST(lease, F12_a_holder_that_may_not_act_does_not_repin) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.row->safe_after = s.now.truth.latest + 10s;
  s.reply();
  s.reply();
  ASSERT_NE(s.core.held_token(), 0);
  s.epoch = "e2";
  ASSERT_TRUE(s.wake());
  s.reply();
  EXPECT_EQ(s.core.held_token(), 0);
  EXPECT_TRUE(s.open.empty()) << "it waits like everybody";
}

TEST(lease, F12_an_epoch_that_changed_during_a_pause_longer_than_the_lease_is_waited_for) {
  lease_stand s;
  s.lead(7);
  ASSERT_TRUE(s.wake());
  const auto renewal = s.take();
  s.epoch = "e2";
  s.pass(5s);
  s.answer(renewal.id, execute(s.row, s.epoch, renewal.request));
  EXPECT_FALSE(s.acts());
  EXPECT_EQ(s.core.held_token(), 0);
  for (const auto& open : s.open)
    EXPECT_NE(open.request.action, lease_action::repin);
}

TEST(lease, S5_a_new_life_acts_under_nothing_of_the_old) {
  lease_stand s;
  s.lead(7);
  ASSERT_TRUE(s.wake());
  const auto renewal = s.take();
  s.act([&] { s.core.reincarnate(s.now, incarnation{3, 3}, s.out); });
  EXPECT_FALSE(s.acts());
  ASSERT_TRUE(std::holds_alternative<lease_effect::lost>(s.out.front()));
  s.answer(renewal.id, execute(s.row, s.epoch, renewal.request));
  EXPECT_EQ(s.core.held_token(), 0);
  ASSERT_EQ(s.open.front().request.action, lease_action::read);
  s.reply();
  EXPECT_EQ(s.core.held_token(), 0) << "the row is of the old incarnation";
}

TEST(lease, the_holders_end_is_looked_up_once) {
  lease_stand s;
  s.other_holds(5, 3s);
  s.reply();
  s.act([&] { s.core.on_holder_gone(s.now, s.out); });
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.action, lease_action::read);
  s.reply();
  s.act([&] { s.core.on_holder_gone(s.now, s.out); });
  EXPECT_TRUE(s.open.empty());
}

TEST(lease, two_failures_in_a_row_are_news_and_one_success_is_too) {
  lease_stand s;
  s.fail(store_outcome::failed);
  EXPECT_TRUE(s.notes.empty());
  ASSERT_TRUE(s.wake());
  s.fail(store_outcome::unknown);
  ASSERT_EQ(s.noted<lease_effect::store_status>().size(), 1U);
  EXPECT_FALSE(s.noted<lease_effect::store_status>()[0].available);
  ASSERT_TRUE(s.wake());
  s.reply();
  ASSERT_EQ(s.noted<lease_effect::store_status>().size(), 2U);
  EXPECT_TRUE(s.noted<lease_effect::store_status>()[1].available);
}

}  // namespace
}  // namespace hedgerow::core
