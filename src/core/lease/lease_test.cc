// R1 to R5 of the lease reference: who may act, what is believed, who takes, for how long and under
// which token. The core is driven with plain values; the row obeys the contract of ports/store.h.

#include "core/lease/lease.h"

#include <gtest/gtest.h>

#include "core/lease/lease_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using ports::lease_action;
using ports::store_outcome;

TEST(lease, R1_acts_below_E_less_the_margin_only) {
  lease_stand s;
  s.lead();
  EXPECT_TRUE(s.acts());
  EXPECT_EQ(s.core.act_until(), s.core.expires() - lease_options{}.margin());
  s.pass(s.core.act_until() - s.now.truth.latest - 1us);
  EXPECT_TRUE(s.acts());
  s.pass(1us);
  EXPECT_FALSE(s.acts()) << "latest has reached it, though earliest has not";
}

TEST(lease, R1_acts_with_a_trusted_clock_only) {
  lease_stand s;
  s.lead();
  s.now.truth.status = clock_status::free_running;
  EXPECT_TRUE(s.acts());
  for (const auto bad : {clock_status::unknown, clock_status::disrupted}) {
    s.now.truth.status = bad;
    EXPECT_FALSE(s.acts());
  }
  s.now.truth.status = clock_status::synchronized;
  s.now.truth.earliest = s.now.truth.latest - lease_options{}.max_error;
  EXPECT_TRUE(s.acts());
  s.now.truth.earliest = s.now.truth.earliest - 1us;
  EXPECT_FALSE(s.acts()) << "the interval is wider than max_error";
}

TEST(lease, R1_a_holder_watches_a_clock_that_may_fail) {
  lease_options with;
  lease_stand calm{with};
  calm.lead();
  EXPECT_GT(calm.core.next_wake(calm.now) - calm.now.boot, 500ms);
  with.clock_watch = 100ms;
  lease_stand s{with};
  s.lead();
  EXPECT_EQ(s.core.next_wake(s.now) - s.now.boot, 100ms);
  s.pass(60ms);
  s.now.truth.status = clock_status::disrupted;
  s.tick(40ms);
  EXPECT_EQ(s.noted<lease_effect::suspended>().size(), 1U);
}

TEST(lease, R1_a_clock_that_is_lost_suspends_and_resumes_under_the_same_token) {
  lease_stand s;
  s.lead(7);
  s.now.truth.status = clock_status::unknown;
  s.tick();
  ASSERT_EQ(s.noted<lease_effect::suspended>().size(), 1U);
  EXPECT_EQ(s.noted<lease_effect::suspended>()[0].token, 7);
  s.tick(1s);
  EXPECT_TRUE(s.open.empty()) << "no E can be computed without a clock";
  EXPECT_LE(s.core.next_wake(s.now) - s.now.boot, 100ms) << "the clock is looked at again";
  s.now.truth.status = clock_status::synchronized;
  s.tick();
  ASSERT_EQ(s.noted<lease_effect::gained>().size(), 1U);
  EXPECT_EQ(s.noted<lease_effect::gained>()[0].token, 7);
  EXPECT_TRUE(s.noted<lease_effect::lost>().empty());
}

TEST(lease, R2_a_renewal_without_an_answer_does_not_count) {
  for (const bool executed : {false, true}) {
    lease_stand s;
    s.lead();
    const instant before = s.core.expires();
    ASSERT_TRUE(s.wake());
    ASSERT_EQ(s.open.front().request.action, lease_action::renew);
    if (executed) {
      s.lose_reply();
    } else {
      s.open.clear();
    }
    ASSERT_TRUE(s.wake());  // the deadline of the attempt
    EXPECT_EQ(s.core.expires(), before) << executed;
  }
}

TEST(lease, R2_an_answer_that_is_not_waited_for_is_ignored) {
  lease_stand s;
  s.lead();
  const instant before = s.core.expires();
  ASSERT_TRUE(s.wake());
  const auto late = s.take();
  const auto answer = execute(s.row, s.epoch, late.request);
  s.tick(late.patience);
  s.answer(late.id, answer);
  EXPECT_EQ(s.core.expires(), before);
  EXPECT_TRUE(s.acts());
}

// The store executes it, and its answer is lost.
void take_unheard(lease_stand& s) {
  s.other_holds(5, -1s);
  s.reply();
  ASSERT_EQ(s.open.front().request.action, lease_action::acquire);
  s.lose_reply();
}

TEST(lease, R2_a_take_whose_answer_was_lost_is_found_by_a_read) {
  lease_stand s;
  take_unheard(s);
  ASSERT_TRUE(s.wake());  // the deadline
  EXPECT_EQ(s.core.held_token(), 0);
  ASSERT_TRUE(s.wake());  // the retry
  ASSERT_EQ(s.open.front().request.action, lease_action::read) << "look before taking again";
  s.reply();
  EXPECT_EQ(s.core.held_token(), s.row->token);
  EXPECT_EQ(s.core.expires(), s.row->expires);
  EXPECT_EQ(s.noted<lease_effect::gained>().size(), 1U);
}

TEST(lease, R6_a_take_that_is_found_late_is_renewed_at_once) {
  lease_stand s;
  take_unheard(s);
  // Nor is the store heard before the lease has nearly passed.
  while (s.row->expires - s.now.truth.latest > 700ms) {
    ASSERT_TRUE(s.wake());
    s.open.clear();
  }
  while (s.open.empty())
    ASSERT_TRUE(s.wake());
  ASSERT_EQ(s.open.front().request.action, lease_action::read);
  s.reply();
  EXPECT_EQ(s.core.held_token(), s.row->token);
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.action, lease_action::renew);
}

TEST(lease, R2_a_take_that_is_executed_after_it_was_given_up_is_found_by_the_next) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.reply();
  const auto late = s.take();
  s.tick(late.patience);
  ASSERT_TRUE(s.wake());
  s.reply();  // the read shows nothing
  ASSERT_EQ(s.open.front().request.action, lease_action::acquire);
  EXPECT_TRUE(execute(s.row, s.epoch, late.request).applied);
  EXPECT_FALSE(s.reply().applied);
  EXPECT_EQ(s.core.held_token(), s.row->token);
}

TEST(lease, R3_takes_when_earliest_has_passed_E_not_before) {
  lease_stand s;
  s.other_holds(5, 1s);
  s.reply();
  EXPECT_TRUE(s.open.empty());
  s.tick(s.row->expires - s.now.truth.earliest);
  EXPECT_TRUE(s.open.empty()) << "earliest == E";
  ASSERT_TRUE(s.wake());
  ASSERT_EQ(s.open.size(), 1U);
  const auto& asked = s.open.front().request;
  EXPECT_EQ(asked.action, lease_action::acquire);
  EXPECT_EQ(asked.earliest, s.now.truth.earliest) << "the store judges by the same reading";
  EXPECT_EQ(asked.observed, 5);
  EXPECT_EQ(s.now.truth.earliest, s.row->expires + 1us) << "woken neither early nor late";
}

TEST(lease, R3_takes_what_was_released_at_once) {
  lease_stand s;
  s.other_holds(5, 3s);
  s.row->released = true;
  s.reply();
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.action, lease_action::acquire);
}

TEST(lease, R3_never_takes_with_a_clock_that_is_not_trusted) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.now.truth.status = clock_status::unknown;
  s.reply();
  s.tick(1s);
  EXPECT_TRUE(s.open.empty());
  s.now.truth.status = clock_status::free_running;
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.open.size(), 1U);
}

TEST(lease, R3_never_takes_a_row_of_another_scale) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.row->scale = "boot";
  s.row->released = true;
  s.reply();
  s.tick(1h);
  EXPECT_TRUE(s.open.empty());
}

TEST(lease, R3_news_put_the_take_off) {
  lease_stand s;
  s.other_holds(5, 1s);
  s.reply();
  const instant later = s.row->expires + 2s;
  s.act([&] { s.core.on_news(s.now, 5, later, s.out); });
  s.tick(1500ms);
  EXPECT_TRUE(s.open.empty()) << "followers do not poll while they hear of renewals";
  ASSERT_TRUE(s.wake());
  EXPECT_GT(s.now.truth.earliest, later);
  EXPECT_EQ(s.open.size(), 1U);
}

TEST(lease, R3_candidates_queue_by_rank) {
  lease_stand s;
  s.other_holds(5, 1s);
  s.reply();
  s.core.set_rank(3);
  ASSERT_TRUE(s.wake());
  EXPECT_TRUE(s.open.empty());
  const auto from = s.now.boot;
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.now.boot - from, 3 * lease_options{}.rank_step);
}

TEST(lease, R4_E_is_latest_plus_L) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.reply();
  EXPECT_EQ(s.open.front().request.row.expires, s.now.truth.latest + lease_options{}.lease);
  s.reply();
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.open.front().request.row.expires, s.now.truth.latest + lease_options{}.lease);
}

TEST(lease, R4_a_node_with_a_longer_lease_than_the_groups_never_competes) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.row->lease_max = 2s;
  s.reply();
  ASSERT_EQ(s.noted<lease_effect::refused>().size(), 1U);
  EXPECT_NE(s.noted<lease_effect::refused>()[0].why.find("2000"), std::string::npos);
  EXPECT_FALSE(s.wake());
  s.tick(1h);
  EXPECT_TRUE(s.open.empty());
}

TEST(lease, R4_a_shorter_lease_than_the_groups_is_fine) {
  lease_stand s({.lease = 1s});
  s.lead();
  EXPECT_TRUE(s.acts());
  EXPECT_EQ(s.row->lease_max, 3s);
  EXPECT_EQ(s.core.expires() - s.now.truth.latest, 1s);
}

TEST(lease, R5_the_token_follows_the_clock_and_grows_without_it) {
  lease_stand s;
  s.other_holds(5, -1s);
  s.now.truth.token_hint = 900;
  s.reply();
  s.reply();
  EXPECT_EQ(s.core.held_token(), 900);

  lease_stand behind;
  behind.other_holds(5000, -1s);
  behind.now.truth.token_hint = 900;
  behind.reply();
  behind.reply();
  EXPECT_EQ(behind.core.held_token(), 5001);
}

// The row is gone and the wall clock, which is all that tokens had, has stepped back.
TEST(lease, R5_the_token_grows_over_a_deleted_row) {
  lease_stand s;
  s.lead(10'000'000);
  s.row.reset();
  s.now.truth.token_hint = 0;
  ASSERT_TRUE(s.wake());
  s.reply();  // renew: no row
  EXPECT_EQ(s.core.held_token(), 0);
  ASSERT_EQ(s.open.front().request.action, lease_action::create);
  s.reply();  // create
  s.reply();  // acquire
  EXPECT_GT(s.row->token, 10'000'000);
  EXPECT_EQ(s.core.held_token(), s.row->token) << "a take that is never acted under blocks all";
}

TEST(lease, R5_the_token_grows_over_what_was_only_heard_of) {
  lease_stand s;
  s.other_holds(5, 1s);
  s.reply();
  s.now.truth.token_hint = 0;
  s.act([&] { s.core.on_news(s.now, 20'000'000, s.row->expires + 1s, s.out); });
  s.row.reset();
  ASSERT_TRUE(s.wake());
  s.reply();  // acquire: no row
  ASSERT_EQ(s.open.front().request.action, lease_action::create);
  EXPECT_GT(s.open.front().request.row.token, 20'000'000);
}

}  // namespace
}  // namespace hedgerow::core
