// What a daemon of ClockBound 3 leaves behind: these are the files of 3.0.0-alpha.0, synchronized
// by NTP, on x86-64.

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include "clock/clockbound_segment.h"
#include "clock/open_clock.h"
#include "clock/test_chronyd.h"
#include "clock/test_segment.h"

namespace hedgerow::clock {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view shm0_hex =
    "4e5a4d4100024243500000000200780159b5000000000000a502f31600000000"
    "41b9000000000000a502f316000000000cdd0000000000000000000000000000"
    "a7510000010000000000000000000000";
constexpr std::string_view shm1_hex =
    "4e5a4d410002424368000000030376014a3853599e6d00007e07076b00000000"
    "3aa7ab1700000000660b076b000000003aa7ab170000000000c05c9da25fc2d3"
    "000000a0fff0d9a387ca0000000000000000000000000000983a000001000000"
    "001f300000000000";

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)));
  return bytes;
}

class clockbound_three : public testing::Test {
 protected:
  void SetUp() override { write_file(folder.file("shm1"), bytes_of(shm1_hex)); }

  clock_folder folder;
  test_chronyd daemon;
  clock_places places{{{folder.file("shm0"), folder.file("shm")}, folder.file("vmclock0")},
                      std::to_string(daemon.port())};
};

TEST_F(clockbound_three, writes_layout_2_into_shm0) {
  const clock_bound found = decode_segment(bytes_of(shm0_hex));
  ASSERT_EQ(found.fault, bound_fault::none);
  EXPECT_EQ(found.as_of_ns, 46425'385'024'677);
  EXPECT_EQ(found.void_after_ns, found.as_of_ns + 1000'000'000'000);
  EXPECT_EQ(found.bound_ns, 56'588);
  EXPECT_EQ(found.max_drift_ppb,
            20'903U);  // the quartz's 15 ppm, and what is unknown of its period
  EXPECT_EQ(found.status, clock_status::synchronized);
  EXPECT_FALSE(found.ask_vmclock);
}

TEST_F(clockbound_three, is_refused_with_shm1_in_words) {
  const auto opened = open_clock("clockbound:" + folder.file("shm1"), places);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->truth().status, clock_status::unknown);
  EXPECT_EQ((*opened)->trouble(),
            folder.file("shm1") +
                " is of version 3; only 1 and 2 are understood, so point --clock at the shm0 file "
                "that clockbound writes beside it");
}

TEST_F(clockbound_three, is_passed_over_for_chrony_where_shm0_is_missing) {
  const auto opened = open_clock("auto", places);
  ASSERT_TRUE(opened);
  ports::clock& clock = **opened;
  const auto end = steady_clock::now() + std::chrono::seconds{10};
  while (clock.truth().status != clock_status::synchronized && steady_clock::now() < end)
    std::this_thread::yield();
  EXPECT_EQ(clock.truth().status, clock_status::synchronized) << clock.trouble();
  EXPECT_EQ(clock.source(), "chrony");
  // And no longer when it comes, however old.
  write_file(folder.file("shm0"), bytes_of(shm0_hex));
  while (clock.source() == "chrony" && steady_clock::now() < end)
    clock.truth();
  EXPECT_EQ(clock.source(), "clockbound");
}

}  // namespace
}  // namespace hedgerow::clock
