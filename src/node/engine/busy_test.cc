// What an engine makes of silence while its loop is busy with what had come before.

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

// A leader of three, of whom the others say nothing.
struct busy : testing::Test, lone_leader {
  busy() {
    outside.takes = true;
    take_lease();
    answer_view({{token, 5}, "e", {named("x", 1), named("y", 2)}, {}, token - 1});
    answer_view(outside.view_asked.row);
  }
  static member named(const std::string& name, std::uint64_t life) {
    member m;
    m.name = name;
    m.address = "10.0.1." + std::to_string(life) + ":1";
    m.incarnation = {9, life};
    m.state = member_state::up;
    return m;
  }
  // So long by its alarm, renewals granted. Whether it stood back meanwhile.
  bool stands_back_within(nanoseconds how_long) {
    const boot_time until = outside.at.boot + how_long;
    while (outside.alarm <= until) {
      if (outside.alarm > outside.at.boot) pass(outside.alarm - outside.at.boot);
      one.on_wake();
      if (outside.lease_asked.action == ports::lease_action::release) return true;
      if (outside.lease_asked.action != ports::lease_action::renew) continue;
      row.expires = outside.lease_asked.row.expires;
      ++row.version;
      outside.lease_asked = {};
      answer_lease(true);
    }
    return false;
  }
};

TEST_F(busy, C5_leader_stands_back_when_it_hears_nobody) {
  ASSERT_EQ(outside.words.front(), "leads");
  EXPECT_TRUE(stands_back_within(seconds{10}));
}

TEST_F(busy, D3_leader_takes_what_waits_in_its_sockets_for_no_silence) {
  ASSERT_EQ(outside.words.front(), "leads");
  outside.looked = outside.at.boot;
  EXPECT_FALSE(stands_back_within(seconds{10}));
  outside.looked = outside.at.boot;
  EXPECT_FALSE(stands_back_within(milliseconds{300})) << "it has only begun to listen";
  outside.looked = boot_time::never();
  EXPECT_TRUE(stands_back_within(seconds{10}));
}

}  // namespace
}  // namespace hedgerow::engine
