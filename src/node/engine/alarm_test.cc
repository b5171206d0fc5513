#include "node/engine/alarm.h"

#include <vector>

#include <gtest/gtest.h>

namespace hedgerow::engine {
namespace {

struct alarms : testing::Test, ports::timers {
  void wake_at(boot_time at) override { asked.push_back(at); }

  std::vector<boot_time> asked;
  alarm one{*this};
};

TEST_F(alarms, asks_only_when_it_moves) {
  one.set({5});
  one.set({5});
  one.set({3});
  one.set(boot_time::never());
  EXPECT_EQ(asked, (std::vector<boot_time>{{5}, {3}, boot_time::never()}));
  EXPECT_EQ(one.at(), boot_time::never());
}

TEST_F(alarms, asks_again_for_the_instant_before_which_it_rang) {
  one.set({5});
  one.rang();
  one.set({5});
  EXPECT_EQ(asked, (std::vector<boot_time>{{5}, {5}}));
}

}  // namespace
}  // namespace hedgerow::engine
