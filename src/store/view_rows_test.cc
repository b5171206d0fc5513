#include <gtest/gtest.h>

#include "store/members_json.h"
#include "store/test_store.h"

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

class view_rows : public testing::Test {
 protected:
  temporary_folder folder;
  std::filesystem::path file = folder.path / "hedgerow.db";
  test_store store{file};
};

TEST_F(view_rows, are_absent_at_first) {
  const auto reply = store.read_view();
  EXPECT_TRUE(applied(reply));
  EXPECT_EQ(reply.row, std::nullopt);
}

TEST_F(view_rows, claim_creates_a_missing_row) {
  const auto reply = store.execute(claim(7));
  EXPECT_TRUE(applied(reply));
  EXPECT_EQ(reply.row, (view_row{{7, 0}, "epoch 7", {}, {}}));
}

TEST_F(view_rows, claim_needs_a_greater_token_and_keeps_the_view) {
  store.execute(claim(7));
  store.execute(commit({7, 0}, {7, 1}));
  for (const fencing_token token : {6, 7}) {
    const auto refused = store.execute(claim(token));
    EXPECT_FALSE(applied(refused));
    EXPECT_EQ(refused.row, commit({}, {7, 1}).row);
  }
  const auto reply = store.execute(claim(8));
  EXPECT_TRUE(applied(reply));
  EXPECT_EQ(reply.row, commit({}, {8, 1}).row) << "the epoch is of the members' statement";
}

TEST_F(view_rows, commit_needs_the_expected_view) {
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

TEST_F(view_rows, of_a_deposed_leader_do_not_land) {
  store.execute(claim(7));
  store.execute(claim(8));
  const auto reply = store.execute(commit({7, 0}, {7, 1}));
  EXPECT_FALSE(applied(reply));
  EXPECT_EQ(reply.row->id, (view_id{8, 0}));
}

TEST_F(view_rows, are_shown_as_members) {
  store.execute(claim(7));
  store.execute(commit({7, 0}, {7, 3}));
  test_store damaged(file, "damaged");
  damaged.execute(claim(1));
  test_connection other(file);
  other.query("UPDATE hedgerow_view SET members = '[{' WHERE grp = 'damaged'");
  EXPECT_EQ(other.query("SELECT grp, name, address, incarnation, state, health, zone, tags, token, "
                        "sequence FROM hedgerow_members"),
            "workers|alice|127.0.0.1:7000|00000000000000010000000000000002|up|degraded|z1|"
            "{\"role\":\"o'web\"}|7|3\n"
            "workers|hex:6e6f74ff75746638|b|00000000000000030000000000000004|joining|alive||{}|7|"
            "3\n");
}

TEST_F(view_rows, that_are_malformed_are_an_error_in_words) {
  store.execute(claim(7));
  test_connection other(file);
  for (const char* members : {"", "[", "{}", "[1]", "[{\"name\":1}]", "[{\"name\":\"a\"}]"}) {
    other.query(std::string("UPDATE hedgerow_view SET members = '") + members + "'");
    const auto reply = store.read_view();
    EXPECT_EQ(reply.outcome, store_outcome::failed) << members;
    EXPECT_NE(reply.error.find("malformed row: column members"), std::string::npos) << reply.error;
  }
  EXPECT_EQ(store.execute(commit({6, 0}, {6, 1})).outcome, store_outcome::failed)
      << "did not apply, and cannot say what is there";
  EXPECT_EQ(store.execute(claim(8)).outcome, store_outcome::unknown)
      << "was executed, so it is not `failed`";
  EXPECT_TRUE(applied(store.execute(commit({8, 0}, {8, 1})))) << "a new view heals the row";
}

TEST(members_json, gives_back_any_bytes) {
  std::vector<std::string> names{"",
                                 "plain",
                                 "hex:",
                                 "hex:41",
                                 "\"quoted\\\"",
                                 "\xc3\xa4",
                                 "\xc0\x80",
                                 "\xed\xa0\x80",
                                 "\xf4\x90\x80\x80",
                                 "\xe2\x82",
                                 "\xf0\x9f\x8c\xb3",
                                 std::string("a\0b", 3),
                                 "\x1f\x7f"};
  std::uint64_t seed = 1;
  for (int i = 0; i < 2000; ++i) {
    std::string name;
    for (int length = i % 7; length > 0; --length)
      name += static_cast<char>((seed = seed * 6364136223846793005U + 1442695040888963407U) >> 56);
    names.push_back(name);
  }
  std::vector<member> members;
  std::vector<removal> removed;
  for (const auto& name : names) {
    member m;
    m.name = m.address = m.zone = m.tags[name] = m.machine = name;
    members.push_back(m);
    removed.push_back({name, {1, 1}, removal_reason::crashed});
  }
  EXPECT_EQ(members_from_json(members_to_json(members)).value(), members);
  EXPECT_EQ(removed_from_json(removed_to_json(removed)).value(), removed);
}

TEST(members_json, refuses_what_it_would_not_write) {
  const std::string good =
      R"([{"name":"a","address":"b","incarnation":"00000000000000010000000000000002","state":"up",)"
      R"("health":"alive","zone":"","tags":{"k":"v"},"later":[1]}])";
  ASSERT_TRUE(members_from_json(good).has_value());
  EXPECT_EQ((*members_from_json(good))[0].machine, "") << "a row of an older version";
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return members_from_json(text);
  };
  EXPECT_FALSE(with("\"a\"", "\"hex:4\""));
  EXPECT_FALSE(with("\"a\"", "\"hex:4g\""));
  EXPECT_FALSE(with("\"a\"", "\"\xff\""));
  EXPECT_FALSE(with("\"up\"", "\"UP\""));
  EXPECT_FALSE(with("\"alive\"", "null"));
  EXPECT_FALSE(with("0001", "001"));
  EXPECT_FALSE(with("{\"k\":\"v\"}", "[]"));
  EXPECT_FALSE(with("\"v\"", "1"));
  EXPECT_FALSE(with("}]", "}"));
  EXPECT_FALSE(with("\"zone\"", "\"none\""));
  EXPECT_FALSE(with("\"later\":[1]", "\"machine\":[1]"));
  EXPECT_FALSE(removed_from_json("null"));
  EXPECT_FALSE(members_from_json(std::string(100'000, '[')));
}

}  // namespace
}  // namespace hedgerow::store
