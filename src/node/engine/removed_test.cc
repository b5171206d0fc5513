// What a node makes of its connections to members that the group has removed.

#include <algorithm>

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

using ports::connection_id;

// A follower, which a member has dialled.
struct removed_member : testing::Test, lone_leader {
  removed_member() {
    outside.takes = true;
    one.start();
    row.address = "10.0.0.1:1";
    answer_lease(false);
    one.on_open(leader, {ports::peer_role::member, "a", row.address, row.incarnation});
    one.on_open(late, {ports::peer_role::member, "b", "10.0.0.3:1", {3, 3}});
    tell(1, {named("a", row.incarnation), named("b", {3, 3}), named("n", one.incarnation())});
  }
  static member named(const std::string& name, const incarnation& life) {
    member m;
    m.name = name;
    m.incarnation = life;
    return m;
  }
  void tell(std::uint64_t sequence, const std::vector<member>& members) {
    auto now = std::make_shared<view>();
    now->id = {row.token, sequence};
    now->members = members;
    one.on_message(leader, message::view_push{now});
  }

  static constexpr connection_id leader = 1;
  static constexpr connection_id late = 100;
};

TEST_F(removed_member, is_left_after_a_while) {
  tell(2, {named("a", row.incarnation), named("n", one.incarnation())});
  const auto left = [this] {
    one.on_wake();
    return std::count(outside.closed.begin(), outside.closed.end(), late) > 0;
  };
  pass(milliseconds{1900});
  EXPECT_FALSE(left()) << "it may be on its way to hear of it";
  pass(milliseconds{200});
  EXPECT_TRUE(left());
}

}  // namespace
}  // namespace hedgerow::engine
