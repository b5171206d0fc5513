// What a newcomer makes of the lease row that it finds.

#include <gtest/gtest.h>

#include "node/engine/engine.h"
#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

struct newcomer : testing::Test {
  newcomer() {
    mine.self.name = "n";
    mine.self.address = "10.0.0.2:1";
    mine.self.machine = "m2";
    row = row_of_leader({1, 1}, "m1");
  }
  // Starts, and finds the row.
  void find_row() {
    engine one(mine, {outside, outside, outside, outside, outside, outside}, outside, outside);
    one.start();
    one.on_lease_reply(outside.asked, {ports::store_outcome::done, true, row, "e", {}});
  }

  options mine;
  ports::lease_row row;
  world outside;
};

TEST_F(newcomer, J1_fails_where_the_leader_can_be_dialled_on_its_own_machine_only) {
  find_row();
  ASSERT_EQ(outside.failed.size(), 1U);
  EXPECT_EQ(outside.failed[0].code, errc::invalid_argument);
  EXPECT_EQ(outside.failed[0].message().find("the leader 'a' advertises 127.0.0.1:1, which"), 0U)
      << outside.failed[0].message();
  EXPECT_TRUE(outside.dialled.empty());
  EXPECT_EQ(outside.stopped, 1);
}

TEST_F(newcomer, J1_fails_where_its_own_address_is_loopback_beside_another_machine) {
  mine.self.address = "127.0.0.1:2";
  row.address = "10.0.0.1:1";
  find_row();
  ASSERT_EQ(outside.failed.size(), 1U);
  EXPECT_EQ(outside.failed[0].message().find("this agent advertises 127.0.0.1:2, which"), 0U)
      << outside.failed[0].message();
}

TEST_F(newcomer, J1_asks_any_other_leader_to_let_it_in) {
  const auto goes_on = [&](auto change) {
    const auto before = row;
    change();
    find_row();
    row = before;
    return outside.failed.empty();
  };
  EXPECT_TRUE(goes_on([&] { row.machine = "m2"; })) << "the same machine";
  EXPECT_TRUE(goes_on([&] { row.machine = ""; })) << "a row of an older version";
  EXPECT_TRUE(goes_on([&] { row.address = "10.0.0.1:1"; })) << "an address of the network";
  EXPECT_EQ(outside.dialled.size(), 3U);
  EXPECT_TRUE(goes_on([&] { row.holder = "n"; })) << "its own earlier life";
  EXPECT_TRUE(goes_on([&] { row.released = true; })) << "nobody leads";
  EXPECT_TRUE(goes_on([&] { row.expires = {999'999}; })) << "nobody leads";
  EXPECT_TRUE(goes_on([&] { row.scale = "boot"; })) << "a lease that can't be judged";
  EXPECT_TRUE(goes_on([&] { row.epoch = "other"; })) << "a lease that can't be judged";
}

}  // namespace
}  // namespace hedgerow::engine
