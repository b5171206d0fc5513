#include "clock/open_clock.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "clock/test_chronyd.h"
#include "clock/test_segment.h"

namespace hedgerow::clock {
namespace {

using std::chrono::steady_clock;

class opened : public testing::Test {
 protected:
  std::unique_ptr<ports::clock> open(const std::string& spec) {
    auto made = open_clock(spec, places);
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::move(*made) : nullptr;
  }
  static bool becomes(ports::clock& clock, clock_status status) {
    const auto end = steady_clock::now() + std::chrono::seconds{10};
    while (clock.truth().status != status) {
      if (steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

  clock_folder folder;
  std::string segment_path = folder.file("shm0");
  test_chronyd daemon;
  clock_places places{{{segment_path, folder.file("shm")}, folder.file("vmclock0")},
                      std::to_string(daemon.port())};
};

TEST_F(opened, clocks_are_what_was_written) {
  EXPECT_EQ(open("machine")->source(), "machine");
  EXPECT_EQ(open("machine")->scale(), "boot");
  const auto declared = open("declared:250us");
  EXPECT_EQ(declared->source(), "declared");
  EXPECT_EQ(declared->scale(), "utc");
  EXPECT_EQ(declared->precise().bound, std::chrono::microseconds{250});
  EXPECT_EQ(open("declared:1s")->precise().bound, std::chrono::seconds{1});
  EXPECT_EQ(open("declared:5ms")->precise().bound, std::chrono::milliseconds{5});
  EXPECT_EQ(open("clockbound")->source(), "clockbound");
  EXPECT_EQ(open("clockbound:" + folder.file("other"))->source(), "clockbound");
  EXPECT_EQ(open("chrony")->source(), "chrony");
  EXPECT_EQ(open("chrony:127.0.0.1:" + std::to_string(daemon.port()))->source(), "chrony");
}

TEST_F(opened, nothing_else_is_a_clock) {
  for (const std::string bad :
       {"", "Machine", "machine:", "auto:", "auto:x",
        "clockbound:", "chrony:", "chrony:10.0.0.1:323", "declared", "declared:", "declared:0us",
        "declared:5", "declared:-5ms", "declared:5 ms", "declared:1001ms", "declared:2s",
        "declared:99999999999999999999s", "declared:5m", "ntp"}) {
    const auto made = open_clock(bad, places);
    ASSERT_FALSE(made) << bad;
    EXPECT_EQ(made.error().code, errc::invalid_argument);
    EXPECT_NE(made.error().message().find("write"), std::string::npos) << made.error().message();
  }
}

TEST_F(opened, clockbound_tells_true_time) {
  test_segment segment(segment_path);
  segment_content c;
  c.bound_ns = 400'000;
  segment.write(c);
  const auto clock = open("clockbound");
  for (int i = 0; i < 1000; ++i) {
    timespec before{};
    clock_gettime(CLOCK_REALTIME, &before);
    const auto p = clock->precise();
    timespec after{};
    clock_gettime(CLOCK_REALTIME, &after);
    ASSERT_EQ(p.status, clock_status::synchronized);
    ASSERT_LE(p.earliest_ns + 400'000, after.tv_sec * 1'000'000'000 + after.tv_nsec);
    ASSERT_GE(p.latest_ns - 400'000, before.tv_sec * 1'000'000'000 + before.tv_nsec);
  }
  c.status = 3;
  segment.write(c);
  EXPECT_TRUE(becomes(*clock, clock_status::disrupted));
  EXPECT_NE(clock->trouble(), "");
}

TEST_F(opened, auto_takes_chrony_until_clockbound_comes_and_never_again) {
  const auto clock = open("auto");
  EXPECT_TRUE(becomes(*clock, clock_status::synchronized));
  EXPECT_EQ(clock->source(), "chrony");
  test_segment segment(segment_path);
  segment_content c;
  c.status = 3;
  segment.write(c);
  EXPECT_TRUE(becomes(*clock, clock_status::disrupted));
  EXPECT_EQ(clock->source(), "clockbound");
  std::filesystem::remove(segment_path);
  EXPECT_TRUE(becomes(*clock, clock_status::unknown));
  EXPECT_EQ(clock->source(), "clockbound");
  EXPECT_NE(clock->trouble().find("is gone"), std::string::npos) << clock->trouble();
}

TEST_F(opened, auto_keeps_chrony_when_it_could_not_look_for_clockbound) {
  const auto clock = open("auto");
  ASSERT_TRUE(becomes(*clock, clock_status::synchronized));
  rlimit whole{};
  getrlimit(RLIMIT_NOFILE, &whole);
  const rlimit none{0, whole.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  // Several copies.
  const auto end = steady_clock::now() + std::chrono::milliseconds{50};
  bool trusted = true;
  while (steady_clock::now() < end)
    trusted = trusted && clock->truth().status == clock_status::synchronized;
  setrlimit(RLIMIT_NOFILE, &whole);
  EXPECT_TRUE(trusted);
  EXPECT_EQ(clock->source(), "chrony");
}

TEST_F(opened, auto_takes_clockbound_where_it_is) {
  test_segment segment(segment_path);
  segment.write({});
  const auto clock = open("auto");
  EXPECT_EQ(clock->truth().status, clock_status::synchronized);
  EXPECT_EQ(clock->source(), "clockbound");
  EXPECT_EQ(daemon.asked(), 0);
}

TEST_F(opened, auto_without_either_names_both) {
  places.chrony = folder.file("chronyd.sock");
  const auto clock = open("auto");
  const auto end = steady_clock::now() + std::chrono::seconds{10};
  while (!clock->precise().settled && steady_clock::now() < end)
    std::this_thread::yield();
  EXPECT_EQ(clock->truth().status, clock_status::unknown);
  EXPECT_EQ(clock->source(), "none");
  const std::string text = clock->trouble();
  for (const auto& part : {segment_path, places.chrony, std::string("declared:5ms")})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

}  // namespace
}  // namespace hedgerow::clock
