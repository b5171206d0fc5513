// S3 and S6: a tenure claims the row, starts from the last view that was committed anywhere,
// commits before it publishes, and decides nothing on an outcome that it does not know.

#include "core/membership/view_leader.h"

#include <gtest/gtest.h>

#include "core/membership/view_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using names = std::vector<std::string>;
using ports::store_outcome;
using ports::view_action;

TEST(view_leader, S3_the_first_tenure_creates_the_row_and_a_view_of_itself) {
  view_stand s;
  s.begin(7);
  EXPECT_EQ(s.open.front().request.action, view_action::read);
  s.reply();
  EXPECT_EQ(s.open.front().request.action, view_action::claim);
  s.reply();
  ASSERT_EQ(s.open.front().request.action, view_action::commit);
  EXPECT_FALSE(s.core.ready());
  EXPECT_TRUE(s.noted<view_effect::publish>().empty()) << "not before it is committed";
  s.reply();
  EXPECT_TRUE(s.core.ready());
  ASSERT_EQ(s.noted<view_effect::publish>().size(), 1U);
  const auto view = s.noted<view_effect::publish>()[0].view;
  EXPECT_EQ(view->id, (view_id{7, 1}));
  EXPECT_EQ(s.names(), names{"m1"});
  EXPECT_EQ(view->members[0].state, member_state::up);
}

TEST(view_leader, S3_a_new_leader_keeps_all_members) {
  view_stand s;
  s.row = ports::view_row{{6, 9}, "e1", view_of({}, {2, 1, 3})->members, {}};
  s.begin(7);
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m2", "m1", "m3"}));
  EXPECT_EQ(s.core.current()->id, (view_id{7, 10}));
}

TEST(view_leader, S3_a_view_that_the_old_leader_commits_before_the_claim_counts) {
  view_stand s;
  s.row = ports::view_row{{6, 9}, "e1", view_of({}, {1, 2})->members, {}};
  s.begin(7);
  s.reply();  // read
  s.row = ports::view_row{{6, 10}, "e1", view_of({}, {1, 2, 3})->members, {}};
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
}

TEST(view_leader, S3_what_the_old_leader_commits_after_the_claim_fails) {
  view_stand s;
  s.row = ports::view_row{{6, 9}, "e1", view_of({}, {1, 2})->members, {}};
  s.begin(7);
  s.reply();
  s.reply();
  ports::view_request late{.action = view_action::commit, .expected = {6, 9}};
  late.row = {{6, 10}, "e1", {}, {}};
  EXPECT_FALSE(execute(s.row, late).applied);
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2"}));
}

TEST(view_leader, S3_a_later_token_in_the_row_ends_the_tenure) {
  view_stand s;
  s.row = ports::view_row{{8, 1}, "e1", {}, {}};
  s.begin(7);
  s.reply();
  EXPECT_EQ(s.noted<view_effect::deposed>().size(), 1U);
  EXPECT_FALSE(s.core.active());
  EXPECT_FALSE(s.wake());

  view_stand later;
  later.lead(7, {1, 2});
  later.row->id = {8, 1};
  later.join(member_of(3));
  later.reply();
  EXPECT_EQ(later.noted<view_effect::deposed>().size(), 1U);
  EXPECT_TRUE(later.noted<view_effect::publish>().empty());
}

TEST(view_leader, S3_an_unknown_commit_is_read_before_anything_is_decided) {
  for (const bool executed : {false, true}) {
    view_stand s;
    s.lead(7, {1, 2});
    s.join(member_of(3));
    const auto commit = s.take();
    if (executed) execute(s.row, commit.request);
    s.answer(commit.id, {store_outcome::unknown, false, {}, {}, {}});
    EXPECT_TRUE(s.noted<view_effect::publish>().empty());
    while (s.open.empty())
      ASSERT_TRUE(s.wake());
    ASSERT_EQ(s.open.front().request.action, view_action::read);
    s.reply_all();
    EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
    EXPECT_EQ(s.noted<view_effect::publish>().size(), 1U) << executed;
    EXPECT_EQ(s.core.current()->id, s.row->id);
  }
}

TEST(view_leader, S3_a_commit_that_lands_after_it_was_given_up_is_what_counts) {
  view_stand s;
  s.lead(7, {1});
  s.join(member_of(3));
  const auto late = s.take();
  s.tick(view_stand::patience);
  while (s.open.empty())
    ASSERT_TRUE(s.wake());
  s.reply();  // the read shows nothing yet
  s.join(member_of(4));
  ASSERT_EQ(s.open.size(), 1U);
  ASSERT_TRUE(execute(s.row, late.request).applied);
  s.reply();  // finds another view than expected
  ASSERT_EQ(s.noted<view_effect::publish>().size(), 1U);
  EXPECT_EQ(s.noted<view_effect::publish>()[0].view->members.size(), 2U)
      << "what was committed, not what was wanted since";
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m3", "m4"}));
  EXPECT_EQ(s.core.current()->id, s.row->id);
}

TEST(view_leader, S3_one_commit_is_in_flight_what_comes_meanwhile_is_the_next) {
  view_stand s;
  s.lead(7, {1, 2});
  s.join(member_of(3));
  s.join(member_of(4));
  s.join(member_of(5));
  EXPECT_EQ(s.open.size(), 1U);
  s.reply();
  ASSERT_EQ(s.open.size(), 1U);
  EXPECT_EQ(s.open.front().request.row.members.size(), 5U) << "both in one";
  s.reply();
  EXPECT_TRUE(s.open.empty());
}

TEST(view_leader, S3_an_answer_after_the_end_of_the_tenure_is_ignored) {
  view_stand s;
  s.lead(7, {1, 2});
  s.join(member_of(3));
  const auto commit = s.take();
  s.core.end();
  s.answer(commit.id, execute(s.row, commit.request));
  EXPECT_TRUE(s.out.empty());
  s.begin(9);
  const auto read = s.take();
  s.answer(commit.id, {store_outcome::done, true, s.row, {}, {}});
  EXPECT_TRUE(s.open.empty()) << "ids are not used twice";
  s.answer(read.id, execute(s.row, read.request));
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
}

TEST(view_leader, S3_a_silent_store_is_asked_again_and_nothing_spins) {
  view_stand s;
  s.begin(7);
  s.reply();
  s.reply();
  s.open.clear();  // the first commit is never answered
  const auto from = s.now;
  int wakes = 0;
  while (s.open.empty()) {
    ASSERT_TRUE(s.wake());
    ASSERT_LT(++wakes, 50);
  }
  EXPECT_EQ(s.open.front().request.action, view_action::read);
  EXPECT_GE(s.now - from, view_stand::patience);
}

TEST(view_leader, S3_after_a_change_of_epoch_the_greatest_view_of_store_and_members_is_the_base) {
  view_stand s;
  s.row = ports::view_row{{6, 3}, "e1", view_of({}, {1, 2})->members, {}};
  s.begin(7, view_of({6, 5}, {1, 2, 3}), "e2");
  s.reply();
  s.reply();
  ASSERT_EQ(s.noted<view_effect::pull_views>().size(), 1U);
  EXPECT_GE(s.noted<view_effect::pull_views>()[0].from.size(), 2U);
  EXPECT_TRUE(s.open.empty());
  s.core.on_pulled_view(view_of({6, 9}, {1, 2, 3, 4}));
  s.core.on_pulled_view(view_of({6, 7}, {1}));
  const auto from = s.now;
  ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.now - from, s.options.silence());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3", "m4"}));
  EXPECT_GT(s.core.current()->id.sequence, 9U);
  EXPECT_EQ(s.row->epoch, "e2");
}

TEST(view_leader, S3_the_next_tenure_asks_anew_though_the_last_one_had_just_asked) {
  view_stand s;
  s.row = ports::view_row{{6, 3}, "e1", view_of({}, {1, 2})->members, {}};
  s.begin(7, view_of({6, 3}, {1, 2}), "e2");
  s.reply();
  s.reply();
  s.core.on_pulled_view(view_of({6, 4}, {1, 2, 3}));
  s.core.end();  // its lease ran out meanwhile
  s.notes.clear();
  s.begin(8, view_of({6, 3}, {1, 2}), "e2");
  s.reply();
  s.reply();
  ASSERT_EQ(s.noted<view_effect::pull_views>().size(), 1U);
  s.core.on_pulled_view(view_of({6, 4}, {1, 2, 3}));
  ASSERT_TRUE(s.wake());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
}

// What the lease had heard of the store's epoch may be older.
TEST(view_leader, S3_the_claim_tells_whether_the_row_is_of_the_stores_epoch) {
  view_stand s;
  s.row = ports::view_row{{6, 3}, "e1", view_of({}, {1, 2})->members, {}};
  s.begin(7, view_of({6, 5}, {1, 2, 3}));
  s.reply();
  s.epoch = "e2";  // a promotion; the copy that is the store now lacks two views
  s.reply();
  ASSERT_EQ(s.noted<view_effect::pull_views>().size(), 1U);
  ASSERT_TRUE(s.wake());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
  EXPECT_EQ(s.row->epoch, "e2");
}

// The store was rolled back from (4, 9) to (4, 5), and whoever led next only claimed it.
TEST(view_leader, S3_the_claim_of_a_tenure_that_commits_nothing_makes_an_old_list_no_newer) {
  view_stand s;
  s.row = ports::view_row{{6, 5}, "e1", view_of({}, {1, 2})->members, {}, 4};
  s.begin(7, view_of({4, 9}, {1, 2, 3}), "e2");
  s.reply();
  s.reply();
  ASSERT_TRUE(s.wake());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
  EXPECT_EQ(s.core.current()->id, (view_id{7, 10}));
}

// It has the greater number, and yet the other list was written later.
TEST(view_leader, S3_a_longer_list_of_a_lost_history_is_no_newer) {
  view_stand s;
  s.row = ports::view_row{{6, 5}, "e1", view_of({}, {1, 2})->members, {}, 5};
  s.begin(7, view_of({4, 9}, {1, 2, 3}), "e2");
  s.reply();
  s.reply();
  ASSERT_TRUE(s.wake());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2"}));
  EXPECT_EQ(s.core.current()->id.token, 7U);
}

TEST(view_leader, S3_a_row_that_was_made_anew_and_never_filled_is_not_the_base) {
  view_stand s;
  s.row = ports::view_row{{6, 0}, "e1", {}, {}};
  s.begin(7, view_of({5, 3}, {1, 2}));
  s.reply();
  s.reply();
  ASSERT_EQ(s.noted<view_effect::pull_views>().size(), 1U);
  s.core.on_pulled_view(view_of({5, 4}, {1, 2, 3}));
  ASSERT_TRUE(s.wake());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3"}));
}

// It did not hear of it: it was cut off, and then was the first to find the lease free.
TEST(view_leader, S5_a_leader_that_the_group_has_removed_begins_another_life) {
  for (const bool remembered : {true, false}) {
    view_stand s;
    s.row = ports::view_row{{6, 9}, "e1", view_of({}, {2, 3})->members, {}};
    if (remembered) s.row->removed = {{"m1", life(1), removal_reason::silent}};
    s.begin(7, view_of({6, 8}, {1, 2, 3}));
    s.reply_all();
    ASSERT_EQ(s.noted<view_effect::expelled>().size(), 1U);
    EXPECT_EQ(s.noted<view_effect::expelled>().front().reason, removal_reason::silent);
    EXPECT_FALSE(s.core.active());
    EXPECT_FALSE(s.wake());
    EXPECT_EQ(s.names(), (names{"m2", "m3"}));
  }
}

TEST(view_leader, S5_one_that_was_never_a_member_is_no_evicted_one) {
  view_stand s;
  s.row = ports::view_row{{6, 9}, "e1", view_of({}, {2, 3})->members, {}};
  s.begin(7, view_of({6, 9}, {2, 3}));
  s.reply_all();
  EXPECT_TRUE(s.noted<view_effect::expelled>().empty());
  EXPECT_EQ(s.names(), (names{"m2", "m3", "m1"}));
}

// A first failover loses views, a second one, to a copy that had them, brings them back before this
// tenure has committed anything.
TEST(view_leader, S3_a_later_view_that_comes_back_before_the_first_commit_is_the_base) {
  view_stand s;
  s.row = ports::view_row{{5, 5}, "e1", view_of({}, {2, 3})->members, {}};
  s.begin(7, nullptr, "e2");
  s.reply();
  s.reply();
  s.tick(s.options.silence());  // nobody has told of a greater view
  ASSERT_EQ(s.open.front().request.action, view_action::commit);
  s.row = ports::view_row{{6, 9}, "e1", view_of({}, {2, 4})->members, {}};
  s.reply();
  EXPECT_EQ(s.open.front().request.action, view_action::claim);
  s.reply();
  s.tick(s.options.silence());
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m2", "m4", "m1"}));
  EXPECT_EQ(s.core.current()->id, (view_id{7, 10}));
}

TEST(view_leader, S3_a_row_that_was_deleted_under_the_leader_is_written_again) {
  view_stand s;
  s.lead(7, {1, 2, 3});
  s.row.reset();
  s.join(member_of(4));
  s.reply_all();
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3", "m4"}));
  const auto before = s.core.current()->id;

  s.row->id = {7, 2};  // a store that has lost the newest views
  s.row->members.resize(1);
  s.core.on_epoch("e2");
  for (int i = 0; i < 5; ++i) {
    s.tick(s.options.probe_period);
    s.reply_all();
  }
  EXPECT_EQ(s.names(), (names{"m1", "m2", "m3", "m4"}));
  EXPECT_GT(s.row->id, before);
}

TEST(view_leader, D4_beats_go_out_each_period_and_after_each_view) {
  view_stand s;
  s.lead(7, {1, 2});
  s.tick();
  EXPECT_EQ(s.noted<view_effect::beat>().size(), 1U);
  const auto from = s.now;
  while (s.noted<view_effect::beat>().size() < 3)
    ASSERT_TRUE(s.wake());
  EXPECT_EQ(s.now - from, 2 * s.options.probe_period);
}

TEST(view_leader, J1_who_finds_its_name_taken_by_a_live_member_does_not_lead) {
  auto other = member_of(1);
  other.incarnation = life(99);
  for (const auto outcome :
       {verified::alive, verified::silent, verified::refused, verified::other}) {
    view_stand s;
    s.row = ports::view_row{{6, 3}, "e1", {other, member_of(2)}, {}};
    s.begin(7);
    s.reply_all();
    ASSERT_EQ(s.noted<view_effect::verify>().size(), 1U);
    EXPECT_EQ(s.noted<view_effect::verify>()[0].who.incarnation, life(99));
    s.verified_as(99, outcome);
    s.reply_all();
    if (outcome == verified::alive) {
      EXPECT_EQ(s.noted<view_effect::name_taken>().size(), 1U);
      EXPECT_FALSE(s.core.ready());
    } else {
      ASSERT_TRUE(s.core.ready());
      EXPECT_EQ(s.names(), (names{"m2", "m1"})) << "replaced in one view";
      EXPECT_EQ(s.core.current()->removed.back().reason, removal_reason::replaced);
    }
  }
}

TEST(view_leader, J1_asks_again_whose_its_name_is_when_the_answer_has_become_old) {
  auto other = member_of(1);
  other.incarnation = life(99);
  for (const auto later : {verified::alive, verified::silent}) {
    view_stand s;
    s.row = ports::view_row{{6, 3}, "e1", {other, member_of(2)}, {}};
    s.begin(7);
    s.reply_all();
    s.verified_as(99, verified::silent);
    ASSERT_EQ(s.open.size(), 1U) << "the commit";
    s.answer(s.take().id, {store_outcome::unknown, false, {}, {}, {}});
    s.tick(s.options.silence() + 1s);
    s.reply_all();
    ASSERT_EQ(s.noted<view_effect::verify>().size(), 2U) << "nothing is committed before that";
    s.verified_as(99, later);
    s.reply_all();
    EXPECT_EQ(s.core.ready(), later == verified::silent);
    EXPECT_EQ(s.noted<view_effect::name_taken>().size(), later == verified::alive ? 1U : 0U);
    const bool replaced = s.names() == names{"m2", "m1"};
    EXPECT_EQ(replaced, s.core.ready()) << "and it is in once";
  }
}

}  // namespace
}  // namespace hedgerow::core
