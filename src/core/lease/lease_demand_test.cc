// A lease that is wanted on demand, one tenure at a time: what a lock is.

#include <gtest/gtest.h>

#include "core/lease/lease.h"
#include "core/lease/lease_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using ports::lease_action;
using ports::store_outcome;

constexpr lease_options on_demand{.poll_period = 750ms, .on_demand = true};

class demand_stand : public lease_stand {
 public:
  demand_stand() : lease_stand(on_demand) {}
  void want(bool wanted) {
    act([&] { core.want(now, wanted, out); });
  }
  void look() {
    act([&] { core.look(now, out); });
  }
  // Holds it, with nothing in flight.
  void hold(fencing_token token = 7) {
    want(true);
    lead(token);
    ASSERT_EQ(core.held_token(), token);
  }
};

TEST(lease_on_demand, asks_nothing_of_the_store_until_it_is_wanted) {
  demand_stand s;
  EXPECT_TRUE(s.open.empty());
  EXPECT_FALSE(s.wake());
  s.tick(1h);
  EXPECT_TRUE(s.open.empty());
  s.want(true);
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.action, lease_action::read);
}

TEST(lease_on_demand, R7_unwanted_it_stops_acting_before_anything_is_said) {
  demand_stand s;
  s.hold(7);
  s.want(false);
  EXPECT_FALSE(s.acts());
  ASSERT_EQ(s.out.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<lease_effect::lost>(s.out[0]));
  EXPECT_EQ(s.open.front().request.action, lease_action::release);
  s.reply();
  EXPECT_TRUE(s.row->released);
  EXPECT_TRUE(s.core.idle());
  EXPECT_FALSE(s.wake());
}

TEST(lease_on_demand, the_next_take_is_one_statement) {
  demand_stand s;
  s.hold(7);
  s.want(false);
  s.reply();
  s.tick(1h);
  s.want(true);
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.action, lease_action::acquire);
  EXPECT_EQ(s.open.front().request.observed, 7);
  s.reply();
  EXPECT_GT(s.core.held_token(), 7);
  EXPECT_TRUE(s.acts());
}

TEST(lease_on_demand, a_take_of_what_somebody_else_has_taken_shows_that) {
  demand_stand s;
  s.hold(7);
  s.want(false);
  s.reply();
  s.other_holds(8, 3s);
  s.want(true);
  EXPECT_FALSE(s.reply().applied);
  EXPECT_EQ(s.core.held_token(), 0);
  EXPECT_TRUE(s.open.empty());
  EXPECT_FALSE(s.core.asking());
  EXPECT_EQ(s.core.row_as_of(), s.now.boot);
}

TEST(lease_on_demand, F10_what_was_given_up_is_not_taken_up_again_while_its_release_is_unknown) {
  demand_stand s;
  s.hold(7);
  s.want(false);
  s.open.clear();  // the release never arrives
  s.want(true);
  ASSERT_TRUE(s.open.empty()) << "by the row as it is known, nobody may take";
  s.pass(10ms);
  s.look();
  ASSERT_EQ(s.open.size(), 1U);
  ASSERT_EQ(s.open.front().request.action, lease_action::read);
  s.reply();
  EXPECT_EQ(s.core.held_token(), 0) << "the row is its own, and has time left";
  EXPECT_FALSE(s.acts());
  for (int i = 0; i < 100 && s.core.held_token() == 0; ++i) {
    if (s.open.empty()) {
      ASSERT_TRUE(s.wake());
    } else {
      s.reply();
    }
  }
  EXPECT_GT(s.core.held_token(), 7);
}

TEST(lease_on_demand, F10_a_release_that_never_arrives_lets_the_row_run_out) {
  demand_stand s;
  s.hold(7);
  const instant expires = s.core.expires();
  s.want(false);
  s.want(true);
  for (int i = 0; i < 10'000 && s.core.held_token() == 0; ++i) {
    if (s.open.empty()) {
      ASSERT_TRUE(s.wake());
    } else if (s.open.front().request.action == lease_action::release) {
      s.open.pop_front();
    } else {
      s.reply();
    }
  }
  EXPECT_GT(s.core.held_token(), 7);
  EXPECT_GT(s.now.truth.earliest, expires);
}

TEST(lease_on_demand, R7_a_take_in_flight_that_is_not_wanted_any_more_is_released) {
  for (const bool lost : {false, true}) {
    demand_stand s;
    s.want(true);
    s.other_holds(5, -1s);
    s.reply();
    ASSERT_EQ(s.open.front().request.action, lease_action::acquire);
    s.want(false);
    EXPECT_FALSE(s.core.idle());
    if (lost) {
      s.lose_reply();
      ASSERT_TRUE(s.wake());  // the deadline
      ASSERT_TRUE(s.wake());  // the retry
      ASSERT_EQ(s.open.front().request.action, lease_action::read);
    }
    s.reply();
    EXPECT_TRUE(s.noted<lease_effect::gained>().empty());
    EXPECT_TRUE(s.noted<lease_effect::lost>().empty()) << "nobody was told that it was held";
    ASSERT_EQ(s.open.front().request.action, lease_action::release);
    s.reply();
    EXPECT_TRUE(s.row->released);
    EXPECT_TRUE(s.core.idle());
  }
}

TEST(lease_on_demand, a_take_in_flight_serves_who_wants_it_again) {
  demand_stand s;
  s.want(true);
  s.other_holds(5, -1s);
  s.reply();
  s.want(false);
  s.want(true);
  s.reply();
  ASSERT_EQ(s.noted<lease_effect::gained>().size(), 1U);
  EXPECT_TRUE(s.acts());
}

TEST(lease_on_demand, R2_a_renewal_of_the_last_tenure_does_not_lengthen_the_next) {
  demand_stand s;
  s.hold(7);
  ASSERT_TRUE(s.wake());
  const auto renewal = s.take();
  s.want(false);
  s.reply();
  s.want(true);
  s.reply();
  const instant expires = s.core.expires();
  s.pass(10ms);
  s.answer(renewal.id, execute(s.row, s.epoch, renewal.request));
  EXPECT_EQ(s.core.expires(), expires);
}

TEST(lease_on_demand, one_tenure_is_not_followed_by_another) {
  demand_stand s;
  s.hold(7);
  s.tick(s.core.act_until() - s.now.truth.latest);
  EXPECT_EQ(s.noted<lease_effect::lost>().size(), 1U);
  s.tick(1h);
  EXPECT_TRUE(s.open.empty());
  EXPECT_FALSE(s.wake());
  s.want(true);
  s.reply();
  EXPECT_GT(s.core.held_token(), 7);
}

TEST(lease_on_demand, one_that_ran_out_before_it_was_told_of_is_tried_again) {
  demand_stand s;
  s.want(true);
  s.reply();
  s.reply();  // create
  s.reply();  // acquire: cools off
  ASSERT_NE(s.core.held_token(), 0);
  s.tick(s.core.act_until() - s.now.truth.latest);
  EXPECT_EQ(s.core.held_token(), 0);
  EXPECT_FALSE(s.open.empty());
}

TEST(lease_on_demand, who_waits_looks_each_poll_period) {
  demand_stand s;
  s.want(true);
  s.other_holds(5, 3s);
  s.reply();
  const auto from = s.now.boot;
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.now.boot - from, on_demand.poll_period);
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.action, lease_action::read);
  s.row->released = true;
  s.reply();
  EXPECT_EQ(s.open.front().request.action, lease_action::acquire);
}

TEST(lease_on_demand, who_does_not_wait_does_not_look) {
  demand_stand s;
  s.want(true);
  s.other_holds(5, 3s);
  s.reply();
  s.want(false);
  EXPECT_FALSE(s.wake());
  s.look();
  EXPECT_TRUE(s.open.empty());
}

TEST(lease_on_demand, looks_are_at_once_and_seldom) {
  demand_stand s;
  s.want(true);
  s.other_holds(5, 3s);
  s.reply();
  s.pass(100ms);
  s.look();
  ASSERT_EQ(s.open.size(), 1U);
  s.look();
  s.look();
  s.reply();
  EXPECT_TRUE(s.open.empty()) << "too soon";
  const auto from = s.now.boot;
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.now.boot - from, 10ms);
  ASSERT_EQ(s.open.size(), 1U) << "what was told while the read was under way may be news";
  s.reply();
  s.tick(100ms);
  EXPECT_TRUE(s.open.empty());
}

TEST(lease_on_demand, a_wait_over_a_foreign_row_is_told_to_each_who_wants_it) {
  demand_stand s;
  s.want(true);
  s.other_holds(5, 1s);
  s.epoch = "e2";
  s.reply();
  EXPECT_EQ(s.noted<lease_effect::waiting>().size(), 1U);
  s.want(false);
  s.want(true);
  EXPECT_EQ(s.noted<lease_effect::waiting>().size(), 2U);
}

}  // namespace
}  // namespace hedgerow::core
