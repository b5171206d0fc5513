#include "node/clock_choice.h"

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

TEST(choose_clock, takes_the_machines_on_one_machine_and_a_bounded_one_across) {
  EXPECT_EQ(*choose_clock("", ""), "machine");
  EXPECT_EQ(*choose_clock("", "/var/lib/x.db"), "machine");
  EXPECT_EQ(*choose_clock("", "sqlite:///x.db"), "machine");
  EXPECT_EQ(*choose_clock("", "postgres://db/x"), "auto");
  EXPECT_EQ(*choose_clock("", "postgresql://db/x"), "auto");
  EXPECT_EQ(*choose_clock("chrony", "/x.db"), "chrony");
  EXPECT_EQ(*choose_clock("machine", "/x.db"), "machine");
}

TEST(choose_clock, refuses_boot_time_across_machines) {
  for (const char* store : {"postgres://db/x", "postgresql://db/x"}) {
    const auto chosen = choose_clock("machine", store);
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().code, errc::invalid_argument);
    EXPECT_NE(chosen.error().message().find("--clock auto"), std::string::npos);
  }
}

}  // namespace
}  // namespace hedgerow
