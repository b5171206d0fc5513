// What an engine makes of a leadership that its clock suspends, and gives back.

#include <algorithm>

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

struct suspended : testing::Test, lone_leader {
  suspended() { lead(); }
  // And sees that its lease has expired.
  void lose_trust() {
    outside.at.truth = {{9'000'000}, {9'000'000}, clock_status::unknown, 1};
    outside.at.boot = outside.at.boot + milliseconds{50};
    one.on_wake();
  }
};

// By its alarm alone: nothing else is due then.
TEST_F(suspended, tells_that_nobody_leads_when_the_lease_has_expired) {
  ASSERT_EQ(outside.told.token, token);
  lose_trust();
  EXPECT_FALSE(outside.told.known());
}

// Found by the simulator: the turn that opened the second saw that the clock was trusted again, so
// that the first, which had waited for a leader, went to this node itself.
TEST_F(suspended, leads_again_and_offers_no_end_under_an_id_that_was_drawn) {
  const auto trusted = outside.at.truth;
  lose_trust();
  const auto first = open_stream(one);
  ASSERT_TRUE(outside.offered.empty());

  outside.at = {trusted, outside.at.boot + milliseconds{500}};
  const auto second = open_stream(one);
  EXPECT_EQ(outside.opened, (std::vector{first, second}));
  ASSERT_EQ(outside.offered.size(), 2U);
  EXPECT_EQ(std::count(outside.offered.begin(), outside.offered.end(), second), 0);
}

}  // namespace
}  // namespace hedgerow::engine
