// What an engine tells its owner of the leader's lease, as it is extended.

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

using ports::connection_id;

struct expiry : testing::Test, lone_leader {
  // Asks for an extension by its alarm, and gets it.
  void renew() {
    pass(seconds{1});
    one.on_wake();
    ASSERT_EQ(outside.lease_asked.action, ports::lease_action::renew);
    row.expires = outside.lease_asked.row.expires;
    ++row.version;
    answer_lease(true);
  }
};

TEST_F(expiry, of_its_own_lease_is_told_with_each_renewal) {
  lead();
  ASSERT_EQ(outside.told.token, token);
  ASSERT_GT(outside.told.remaining, milliseconds{0});
  outside.extended.clear();
  const auto words = outside.words;
  for (int i = 0; i < 5; ++i)
    renew();
  ASSERT_EQ(outside.extended.size(), 5U);
  EXPECT_EQ(outside.extended.back().token, token);
  EXPECT_EQ(outside.extended.back().name, "n");
  EXPECT_EQ(outside.extended.back().remaining, one.leader().remaining);
  EXPECT_GT(outside.extended.back().remaining, milliseconds{0});
  EXPECT_EQ(outside.words, words) << "it is no other leader";
}

TEST_F(expiry, of_anothers_lease_is_told_with_each_beat_that_moves_it) {
  outside.takes = true;
  one.start();
  row.address = "10.0.0.1:1";
  answer_lease(false);
  ASSERT_EQ(outside.told.name, "a");
  ASSERT_TRUE(outside.extended.empty());
  ASSERT_FALSE(outside.dialled.empty());
  const connection_id leader = outside.dialled.size();
  one.on_open(leader, {ports::peer_role::member, "a", row.address, row.incarnation});
  const auto beat = [&](std::uint64_t nonce, instant expires) {
    one.on_message(leader, message::beat{nonce, row.token, expires, {}, {}});
  };
  pass(milliseconds{500});
  beat(1, {4'000'000});
  ASSERT_EQ(outside.extended.size(), 1U);
  EXPECT_EQ(outside.extended[0].remaining, milliseconds{2500});
  EXPECT_EQ(outside.extended[0].name, "a");
  beat(2, {4'000'000});
  beat(3, {3'000'000});
  EXPECT_EQ(outside.extended.size(), 1U) << "nothing new";
  pass(seconds{2});
  beat(4, {5'000'000});
  ASSERT_EQ(outside.extended.size(), 2U);
  EXPECT_EQ(outside.extended[1].remaining, milliseconds{1500});
}

}  // namespace
}  // namespace hedgerow::engine
