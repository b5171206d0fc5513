// The simulated statements against the words of ports/store.h, one condition at a time.

#include "sim/store_rows.h"

#include <gtest/gtest.h>

namespace hedgerow::sim {
namespace {

using ports::lease_action;
using ports::lease_request;
using ports::view_action;

constexpr incarnation ann{1, 1};
constexpr incarnation bob{2, 2};

lease_request request(lease_action action, const incarnation& who, std::int64_t expires) {
  lease_request q{.action = action};
  q.row.holder = who == ann ? "ann" : "bob";
  q.row.incarnation = who;
  q.row.expires = {expires};
  q.row.epoch = "tl1";
  q.row.scale = "utc";
  q.row.lease_max = seconds{1};
  return q;
}

// ann holds token 10 until 100, in epoch tl1.
store_rows held() {
  store_rows rows;
  rows.epoch = "tl1";
  auto q = request(lease_action::create, ann, 100);
  q.row.token = 10;
  q.row.version = 1;
  EXPECT_TRUE(rows.execute(q).applied);
  return rows;
}

lease_request take(std::int64_t earliest) {
  auto q = request(lease_action::acquire, bob, 200);
  q.observed = 10;
  q.earliest = {earliest};
  q.row.token = 7;
  return q;
}

TEST(store_rows, creates_only_where_there_is_no_row_and_in_the_epoch_that_was_seen) {
  store_rows rows;
  rows.epoch = "tl2";
  EXPECT_FALSE(rows.execute(request(lease_action::create, ann, 100)).applied);
  rows.epoch = "tl1";
  EXPECT_TRUE(rows.execute(request(lease_action::create, ann, 100)).applied);
  EXPECT_FALSE(rows.execute(request(lease_action::create, bob, 100)).applied);
  EXPECT_EQ(rows.lease->incarnation, ann);
}

TEST(store_rows, r3_a_take_needs_an_expiry_before_earliest) {
  auto rows = held();
  EXPECT_FALSE(rows.execute(take(100)).applied);
  const auto reply = rows.execute(take(101));
  ASSERT_TRUE(reply.applied);
  EXPECT_EQ(reply.row->incarnation, bob);
  EXPECT_EQ(reply.row->expires.us, 200);
  EXPECT_EQ(reply.row->token, 11) << "the greater of token + 1 and the hint (R5)";
  EXPECT_EQ(reply.row->version, 2);
}

TEST(store_rows, a_take_needs_the_token_that_was_observed_and_its_own_scale) {
  auto rows = held();
  auto q = take(101);
  q.observed = 9;
  EXPECT_FALSE(rows.execute(q).applied);
  q.observed = 10;
  q.row.scale = "boot";
  EXPECT_FALSE(rows.execute(q).applied);
}

TEST(store_rows, a_released_row_may_be_taken_before_its_expiry) {
  auto rows = held();
  auto q = request(lease_action::release, ann, 0);
  q.row.token = 10;
  EXPECT_TRUE(rows.execute(q).applied);
  EXPECT_TRUE(rows.execute(take(5)).applied);
  EXPECT_FALSE(rows.lease->released);
}

TEST(store_rows, r8_the_first_take_sets_the_wait) {
  auto rows = held();
  rows.lease->version = 0;
  auto q = take(1'000);
  q.row.safe_after = {99};
  EXPECT_TRUE(rows.execute(q).applied);
  EXPECT_EQ(rows.lease->safe_after.us, 99);
}

TEST(store_rows, r9_and_f11_a_row_of_another_epoch_needs_the_wait_and_the_present_epoch) {
  auto rows = held();
  rows.epoch = "tl2";
  auto q = take(1'000);
  q.waited = true;
  EXPECT_FALSE(rows.execute(q).applied) << "it names tl1";
  q.row.epoch = "tl2";
  q.waited = false;
  EXPECT_FALSE(rows.execute(q).applied) << "it has not waited";
  q.waited = true;
  rows.lease->safe_after = {77};
  EXPECT_TRUE(rows.execute(q).applied);
  EXPECT_EQ(rows.lease->epoch, "tl2");
  EXPECT_EQ(rows.lease->safe_after.us, 0);
}

TEST(store_rows, r6_a_renewal_never_lowers_the_expiry_and_needs_both_epochs) {
  auto rows = held();
  auto q = request(lease_action::renew, ann, 50);
  q.row.token = 10;
  EXPECT_TRUE(rows.execute(q).applied);
  EXPECT_EQ(rows.lease->expires.us, 100);
  q.row.expires = {150};
  EXPECT_TRUE(rows.execute(q).applied);
  EXPECT_EQ(rows.lease->expires.us, 150);
  rows.epoch = "tl2";
  EXPECT_FALSE(rows.execute(q).applied);
}

TEST(store_rows, f12_a_repin_needs_the_holder_a_new_version_and_the_present_epoch) {
  auto rows = held();
  rows.epoch = "tl2";
  auto q = request(lease_action::repin, ann, 90);
  q.row.token = 10;
  q.row.epoch = "tl2";
  q.row.version = 1;
  EXPECT_FALSE(rows.execute(q).applied) << "the version is used";
  q.row.version = 2;
  EXPECT_TRUE(rows.execute(q).applied);
  EXPECT_EQ(rows.lease->epoch, "tl2");
  EXPECT_EQ(rows.lease->expires.us, 100);
}

TEST(store_rows, s3_a_claim_raises_the_token_and_a_commit_needs_what_it_expects) {
  store_rows rows;
  ports::view_request claim{.action = view_action::claim};
  claim.row.id.token = 5;
  claim.row.epoch = "tl1";
  EXPECT_TRUE(rows.execute(claim).applied);
  EXPECT_FALSE(rows.execute(claim).applied) << "its token is not lower any more";
  ports::view_request commit{.action = view_action::commit};
  commit.row.id = {5, 1};
  commit.expected = {4, 0};
  EXPECT_FALSE(rows.execute(commit).applied);
  commit.expected = {5, 0};
  EXPECT_TRUE(rows.execute(commit).applied);
  EXPECT_EQ(rows.view->id, (view_id{5, 1}));
}

}  // namespace
}  // namespace hedgerow::sim
