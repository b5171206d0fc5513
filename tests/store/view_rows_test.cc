#include <gtest/gtest.h>

#include "tests/store/place.h"

namespace hedgerow::store {
namespace {

using ports::store_outcome;
using ports::view_action;
using ports::view_reply;
using ports::view_request;
using ports::view_row;

bool applied(const view_reply& reply) {
  EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
  return reply.applied;
}

view_request claim(fencing_token token) {
  view_request request{.action = view_action::claim};
  request.row.id.token = token;
  request.row.epoch = "epoch " + std::to_string(token);
  return request;
}

view_request commit(view_id expected, view_id id) {
  view_request request{.action = view_action::commit};
  request.expected = expected;
  request.row.id = id;
  request.row.epoch = "epoch";
  request.row.members = {
      {.name = "alice",
       .address = "127.0.0.1:7000",
       .incarnation = {1, 2},
       .state = member_state::up,
       .health = member_health::degraded,
       .zone = "z1",
       .tags = {{"role", "o'web"}}},
      {.name = "not\xffutf8", .address = "b", .incarnation = {3, 4}, .zone = "", .tags = {}}};
  request.row.removed = {{"carol", {5, 6}, removal_reason::silent}};
  return request;
}

class view_rows : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<place> there = make_place(GetParam());
  test_store store{there->open(), group("workers")};
};

INSTANTIATE_TEST_SUITE_P(store, view_rows, testing::Values("sqlite", "postgres"), name_of_place);

TEST_P(view_rows, are_absent_at_first) {
  const auto reply = store.read_view();
  EXPECT_TRUE(applied(reply));
  EXPECT_EQ(reply.row, std::nullopt);
}

TEST_P(view_rows, claim_creates_a_missing_row) {
  const auto reply = store.execute(claim(7));
  EXPECT_TRUE(applied(reply));
  EXPECT_EQ(reply.row, (view_row{{7, 0}, "epoch 7", {}, {}}));
}

TEST_P(view_rows, tell_the_stores_epoch_as_those_of_leases_do) {
  const std::string epoch = store.execute(ports::lease_request{}).epoch;
  EXPECT_NE(epoch, "");
  EXPECT_EQ(store.read_view().epoch, epoch) << "also without a row";
  EXPECT_EQ(store.execute(claim(7)).epoch, epoch);
  EXPECT_EQ(store.execute(claim(7)).epoch, epoch) << "also where it did not apply";
  EXPECT_EQ(store.execute(commit({7, 0}, {7, 1})).epoch, epoch);
}

TEST_P(view_rows, claim_needs_a_greater_token_and_keeps_the_view) {
  store.execute(claim(7));
  store.execute(commit({7, 0}, {7, 1}));
  for (const fencing_token token : {6, 7}) {
    const auto refused = store.execute(claim(token));
    EXPECT_FALSE(applied(refused));
    EXPECT_EQ(refused.row, commit({}, {7, 1}).row);
  }
  const auto reply = store.execute(claim(8));
  EXPECT_TRUE(applied(reply));
  auto kept = commit({}, {8, 1}).row;
  kept.list_token = 7;
  EXPECT_EQ(reply.row, kept) << "the epoch is of the members' statement";
  EXPECT_EQ(store.execute(claim(9)).row->list_id(), (view_id{7, 1})) << "however often claimed";
  EXPECT_EQ(store.execute(commit({9, 1}, {9, 2})).row->list_id(), (view_id{9, 2}));
}

TEST_P(view_rows, commit_needs_the_expected_view) {
  EXPECT_FALSE(applied(store.execute(commit({7, 0}, {7, 1})))) << "there is no row";
  store.execute(claim(7));
  EXPECT_FALSE(applied(store.execute(commit({6, 0}, {7, 1}))));
  EXPECT_FALSE(applied(store.execute(commit({7, 1}, {7, 2}))));
  const auto reply = store.execute(commit({7, 0}, {7, 1}));
  EXPECT_TRUE(applied(reply));
  EXPECT_EQ(reply.row, commit({}, {7, 1}).row);
  EXPECT_EQ(store.read_view().row, commit({}, {7, 1}).row);
  EXPECT_FALSE(applied(store.execute(commit({7, 0}, {7, 1})))) << "not twice";
}

TEST_P(view_rows, of_a_deposed_leader_do_not_land) {
  store.execute(claim(7));
  store.execute(claim(8));
  const auto reply = store.execute(commit({7, 0}, {7, 1}));
  EXPECT_FALSE(applied(reply));
  EXPECT_EQ(reply.row->id, (view_id{8, 0}));
}

TEST_P(view_rows, are_shown_as_members) {
  store.execute(claim(7));
  store.execute(commit({7, 0}, {7, 3}));
  test_store damaged(store.connections, group("damaged"));
  damaged.execute(claim(1));
  there->query("UPDATE hedgerow_view SET members = '[{' WHERE grp = 'damaged'");
  const auto shown = there->query(
      "SELECT grp, name, address, incarnation, state, health, zone, tags, token, sequence"
      " FROM hedgerow_members");
  EXPECT_EQ(shown,
            "workers|alice|127.0.0.1:7000|00000000000000010000000000000002|up|degraded|z1|"
            "{\"role\":\"o'web\"}|7|3\n"
            "workers|hex:6e6f74ff75746638|b|00000000000000030000000000000004|joining|alive||{}|7|"
            "3\n");
}

TEST_P(view_rows, that_are_malformed_are_an_error_in_words) {
  store.execute(claim(7));
  int accepted = 0;
  for (const char* members : {"", "[", "{}", "[1]", "[{\"name\":1}]", "[{\"name\":\"a\"}]"}) {
    // PostgreSQL itself refuses what is no JSON.
    if (there->query(std::string("UPDATE hedgerow_view SET members = '") + members + "'") != "")
      continue;
    ++accepted;
    const auto reply = store.read_view();
    EXPECT_EQ(reply.outcome, store_outcome::failed) << members;
    EXPECT_NE(reply.error.find("malformed row: column members"), std::string::npos) << reply.error;
  }
  EXPECT_GE(accepted, 4);
  EXPECT_EQ(store.execute(commit({6, 0}, {6, 1})).outcome, store_outcome::failed)
      << "did not apply, and cannot say what is there";
  EXPECT_EQ(store.execute(claim(8)).outcome, store_outcome::unknown)
      << "was executed, so it is not `failed`";
  EXPECT_TRUE(applied(store.execute(commit({8, 0}, {8, 1})))) << "a new view heals the row";
}

}  // namespace
}  // namespace hedgerow::store
