// The checkers must be able to fail: each is shown what it must not let pass, and its neighbour.

#include <gtest/gtest.h>

#include "sim/checkers/acts_checker.h"
#include "sim/checkers/calls_checker.h"
#include "sim/checkers/views_checker.h"
#include "sim/handler_model.h"

namespace hedgerow::sim {
namespace {

constexpr incarnation ann{1, 1};
constexpr incarnation bob{2, 2};

class acts : public testing::Test {
 protected:
  acts() : clocks_(world_, with_), checker_(world_, clocks_) {}

  void lead(std::uint32_t process, const incarnation& who, fencing_token token, true_time until) {
    cell_.store({leadership_state::leading, token, instant_at(until), {}, {}});
    checker_.on_cell(process, who, cell_);
  }
  instant instant_at(true_time t) {
    const true_time now = world_.now;
    world_.now = t;
    const auto at = clocks_.read(0).truth.latest;
    world_.now = now;
    return at;
  }
  bool violated() {
    checker_.settle();
    return world_.failure.has_value();
  }
  static swarm exact() {
    swarm s = calm_swarm();
    s.width_max_us = 0;
    return s;
  }

  kernel world_;
  swarm with_ = exact();
  clock_model clocks_;
  acts_checker checker_;
  engine::leadership_cell cell_;
};

TEST_F(acts, one_after_the_other_is_well) {
  lead(0, ann, 1, second);
  world_.now = 1'100 * millisecond;
  lead(1, bob, 2, 3 * second);
  EXPECT_TRUE(checker_.covers(1, 2));
  world_.now = 2 * second;
  EXPECT_FALSE(violated());
}

TEST_F(acts, two_at_one_instant_are_seen_even_if_neither_is_asked) {
  lead(0, ann, 1, 2 * second);
  world_.now = second;
  lead(1, bob, 2, 3 * second);
  world_.now = 1'001 * millisecond;
  EXPECT_TRUE(violated());
}

TEST_F(acts, a_lower_token_must_not_act_later) {
  lead(0, ann, 2, second);
  world_.now = 2 * second;
  checker_.on_gone(0);
  lead(1, bob, 1, 4 * second);
  world_.now = 3 * second;
  EXPECT_TRUE(violated());
}

TEST_F(acts, a_token_belongs_to_one_incarnation) {
  lead(0, ann, 1, second);
  world_.now = 2 * second;
  checker_.on_gone(0);
  lead(1, bob, 1, 4 * second);
  world_.now = 3 * second;
  EXPECT_TRUE(violated());
}

TEST_F(acts, an_act_beyond_the_cell_counts_as_one) {
  lead(0, ann, 1, 3 * second);
  world_.now = second;
  checker_.on_act(1, bob, 2);
  EXPECT_TRUE(violated());
}

ports::view_row row(view_id id, std::vector<member> members) {
  return {id, "tl1", std::move(members), {}};
}
member named(const std::string& name, const incarnation& who) {
  member m;
  m.name = name;
  m.incarnation = who;
  return m;
}

class views : public testing::Test {
 protected:
  void execute(ports::view_action action, const ports::view_row& what) {
    ports::view_request q{.action = action, .row = what, .expected = {}};
    ports::view_reply r{ports::store_outcome::done, true, what, {}, {}};
    checker_.on_executed(q, before_, r);
    if (action == ports::view_action::commit) before_ = what;
  }
  // (1, 1) is lost, (2, 1) begins without it, and then (1, 1) is there again, and claimed.
  void restore() {
    const auto first = row({1, 1}, {named("ann", ann), named("bob", bob)});
    execute(ports::view_action::claim, row({1, 0}, {}));
    execute(ports::view_action::commit, first);
    before_.reset();
    execute(ports::view_action::claim, row({2, 0}, {}));
    execute(ports::view_action::commit, row({2, 1}, {named("ann", ann)}));
    before_ = first;
    execute(ports::view_action::claim, row({3, 1}, {}));
  }

  kernel world_;
  views_checker checker_{world_};
  std::optional<ports::view_row> before_;
};

TEST_F(views, a_new_leader_keeps_everybody) {
  execute(ports::view_action::claim, row({1, 0}, {}));
  execute(ports::view_action::commit, row({1, 1}, {named("ann", ann), named("bob", bob)}));
  execute(ports::view_action::claim, row({2, 1}, {}));
  execute(ports::view_action::commit, row({2, 2}, {named("ann", ann), named("bob", bob)}));
  EXPECT_FALSE(world_.failure);
  execute(ports::view_action::claim, row({3, 2}, {}));
  execute(ports::view_action::commit, row({3, 3}, {named("bob", bob)}));
  EXPECT_TRUE(world_.failure);
}

// The store is restored to (1, 1), and what (1, 2) had begun is executed only then.
TEST_F(views, of_a_leader_of_before_that_land_on_restored_rows_bind_nobody) {
  execute(ports::view_action::claim, row({1, 0}, {}));
  execute(ports::view_action::commit, row({1, 1}, {named("ann", ann)}));
  execute(ports::view_action::claim, row({2, 1}, {}));
  execute(ports::view_action::commit, row({2, 3}, {named("ann", ann)}));
  before_ = row({1, 1}, {named("ann", ann)});
  execute(ports::view_action::commit, row({1, 2}, {named("ann", ann), named("bob", bob)}));
  execute(ports::view_action::claim, row({3, 2}, {}));
  execute(ports::view_action::commit, row({3, 4}, {named("ann", ann)}));
  EXPECT_FALSE(world_.failure) << "(2, 3) is the later list, and bob is not in it";
}

TEST_F(views, may_go_on_from_a_later_list_than_a_restored_row_has) {
  restore();
  execute(ports::view_action::commit, row({3, 2}, {named("ann", ann)}));
  EXPECT_FALSE(world_.failure) << "bob is not in (2, 1)";
}

TEST_F(views, go_on_from_one_of_the_lists) {
  restore();
  execute(ports::view_action::commit, row({3, 2}, {named("bob", bob)}));
  EXPECT_TRUE(world_.failure) << "ann is in both";
}

TEST_F(views, what_was_not_committed_must_not_be_seen) {
  checker_.on_seen(0, ann, {{1, 1}, {}, {}});
  EXPECT_TRUE(world_.failure);
}

TEST_F(views, nobody_goes_back) {
  execute(ports::view_action::claim, row({1, 0}, {}));
  execute(ports::view_action::commit, row({1, 1}, {}));
  execute(ports::view_action::commit, row({1, 2}, {}));
  checker_.on_seen(0, ann, {{1, 2}, {}, {}});
  checker_.on_seen(1, bob, {{1, 1}, {}, {}});
  EXPECT_FALSE(world_.failure);
  checker_.on_seen(0, ann, {{1, 1}, {}, {}});
  EXPECT_TRUE(world_.failure);
}

class calls : public acts {
 protected:
  calls() : calls_(world_, checker_, lives_) {
    lives_.born(0, 0, "ann", 0);
    lives_.born(1, 1, "bob", 0);
    at_.id = 1;
    lead(1, bob, 5, second);
    number_ = calls_.begin(0, message::request_kind::send, second, {});
  }
  void execute(fencing_token token) {
    ports::job work;
    work.token = token;
    work.payload = make_bytes(calls_checker::payload_of(number_));
    calls_.on_executed(at_, work);
  }
  reply answer() { return {handler_answer(1, calls_checker::payload_of(number_)), "bob", 5}; }

  sim::lives lives_;
  calls_checker calls_;
  endpoint at_;
  std::uint64_t number_ = 0;
};

TEST_F(calls, executed_once_and_replied_is_well) {
  execute(5);
  calls_.on_send_done(0, number_, answer());
  EXPECT_FALSE(world_.failure);
  EXPECT_TRUE(calls_.replied(number_));
}

TEST_F(calls, not_executed_must_be_true_before_and_after) {
  calls_.on_send_done(0, number_, fail(errc::not_executed, "late"));
  EXPECT_FALSE(world_.failure);
  execute(5);
  EXPECT_TRUE(world_.failure);
}

TEST_F(calls, a_reply_without_an_execution_is_seen) {
  calls_.on_send_done(0, number_, answer());
  EXPECT_TRUE(world_.failure);
}

TEST_F(calls, twice_is_seen) {
  execute(5);
  EXPECT_FALSE(world_.failure);
  execute(5);
  EXPECT_TRUE(world_.failure);
}

TEST_F(calls, an_execution_after_the_lease_is_seen) {
  world_.now = 2 * second;
  execute(5);
  EXPECT_TRUE(world_.failure);
}

TEST_F(calls, two_outcomes_are_one_too_many) {
  calls_.on_send_done(0, number_, fail(errc::outcome_unknown, "?"));
  EXPECT_FALSE(world_.failure);
  calls_.on_send_done(0, number_, fail(errc::outcome_unknown, "?"));
  EXPECT_TRUE(world_.failure);
}

TEST_F(calls, no_outcome_at_the_deadline_is_seen) {
  world_.now = 3 * second;
  calls_.on_check(number_);
  EXPECT_TRUE(world_.failure);
}

}  // namespace
}  // namespace hedgerow::sim
