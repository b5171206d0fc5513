// Two kinds of time that do not mix, and what makes a reading trustworthy (R1).

#include "model/time.h"

#include <type_traits>

#include <gtest/gtest.h>

#include "model/bytes.h"

namespace hedgerow {
namespace {

using namespace std::chrono_literals;

template <class A, class B>
concept subtractable = requires(A a, B b) {
  a - b;
};

TEST(time, the_two_kinds_do_not_mix) {
  EXPECT_TRUE((subtractable<boot_time, boot_time>));
  EXPECT_TRUE((subtractable<instant, instant>));
  EXPECT_FALSE((subtractable<boot_time, instant>));
  EXPECT_FALSE((subtractable<instant, boot_time>));
  EXPECT_FALSE((std::is_convertible_v<boot_time, instant>));
}

TEST(time, never_survives_arithmetic) {
  EXPECT_EQ(boot_time::never() + 1s, boot_time::never());
  EXPECT_EQ(boot_time::never() - 1s, boot_time::never());
  EXPECT_LT(boot_time{} + 1h, boot_time::never());
}

TEST(time, instants_count_microseconds) {
  const instant t{5};
  EXPECT_EQ((t + 2ms).us, 2005);
  EXPECT_EQ((t - 5us).us, 0);
  EXPECT_EQ(instant{7} - t, 2us);
}

TEST(time, R1_a_reading_is_trusted_by_status_and_width) {
  bounded_time now{{1000}, {2000}, clock_status::synchronized, 0};
  EXPECT_TRUE(now.trusted(1000us));
  EXPECT_FALSE(now.trusted(999us));
  now.status = clock_status::free_running;
  EXPECT_TRUE(now.trusted(1000us));
  now.status = clock_status::unknown;
  EXPECT_FALSE(now.trusted(1000us));
  now.status = clock_status::disrupted;
  EXPECT_FALSE(now.trusted(1000us));
  EXPECT_FALSE(bounded_time{}.trusted(1h)) << "nothing is trusted by default";
}

TEST(bytes, nothing_is_an_empty_text) {
  EXPECT_EQ(as_view(nullptr), "");
  EXPECT_EQ(as_view(make_bytes(std::string_view("a\0b", 3))).size(), 3U);
}

}  // namespace
}  // namespace hedgerow
