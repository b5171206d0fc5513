// What an engine makes of a leadership that its clock suspends, and gives back.

#include <algorithm>

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

struct suspended : testing::Test {
  suspended()
      : one(mine, {outside, outside, outside, outside, outside, outside}, outside, outside) {
    one.start();
    auto row = row_of_leader({1, 1}, "m1");
    row.released = true;
    answer_lease(row, true);
    const auto& taken = outside.lease_asked.row;
    row.holder = taken.holder;
    row.incarnation = taken.incarnation;
    row.token = token;
    row.expires = taken.expires;
    row.released = false;
    ++row.version;
    answer_lease(row, true);
    answer_view({{token, 0}, "e", {}, {}});
    answer_view(outside.view_asked.row);
  }
  static options own() {
    options out;
    out.self.name = "n";
    out.self.address = "10.0.0.2:1";
    return out;
  }
  void answer_lease(const ports::lease_row& row, bool applied) {
    one.on_lease_reply(outside.asked, {ports::store_outcome::done, applied, row, "e", {}});
  }
  void answer_view(const ports::view_row& row) {
    one.on_view_reply(outside.asked, {ports::store_outcome::done, true, row, "e", {}});
  }
  // And sees that its lease has expired.
  void lose_trust() {
    outside.at.truth = {{9'000'000}, {9'000'000}, clock_status::unknown, 1};
    outside.at.boot = outside.at.boot + milliseconds{50};
    one.on_wake();
  }
  core::stream_id open() {
    const auto id = one.new_stream_id();
    core::stream_request what;
    what.opening_deadline = boot_time::never();
    one.open_stream(id, std::move(what));
    return id;
  }

  static constexpr fencing_token token = 8;
  const options mine = own();
  world outside;
  engine one;
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
  const auto first = open();
  ASSERT_TRUE(outside.offered.empty());

  outside.at = {trusted, outside.at.boot + milliseconds{500}};
  const auto second = open();
  EXPECT_EQ(outside.opened, (std::vector{first, second}));
  ASSERT_EQ(outside.offered.size(), 2U);
  EXPECT_EQ(std::count(outside.offered.begin(), outside.offered.end(), second), 0);
}

}  // namespace
}  // namespace hedgerow::engine
