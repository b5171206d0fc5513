#include "clock/machine_clock.h"

#include <ctime>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hedgerow::clock {
namespace {

std::int64_t system_ns(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

TEST(machine_clock, contains_the_boot_time_of_the_call) {
  machine_clock c;
  for (int i = 0; i < 1000; ++i) {
    const auto before = system_ns(CLOCK_BOOTTIME);
    const reading r = c.now();
    const auto after = system_ns(CLOCK_BOOTTIME);
    ASSERT_LE(before, r.boot.ns);
    ASSERT_LE(r.boot.ns, after);
    ASSERT_LE(r.truth.earliest.us * 1000, r.boot.ns);
    ASSERT_GE(r.truth.latest.us * 1000, r.boot.ns);
    ASSERT_LE(r.truth.latest - r.truth.earliest, microseconds{1});
    ASSERT_TRUE(r.truth.trusted(microseconds{1}));
  }
}

TEST(machine_clock, hints_tokens_at_the_wall_clock) {
  machine_clock c;
  const auto before = system_ns(CLOCK_REALTIME) / 1000;
  const auto hint = c.now().truth.token_hint;
  EXPECT_NEAR(static_cast<double>(hint), static_cast<double>(before), 2e6);
}

TEST(machine_clock, has_one_epoch_per_boot) {
  machine_clock a;
  machine_clock b;
  EXPECT_EQ(a.epoch(), b.epoch());
  EXPECT_EQ(a.epoch().size(), std::string("boot:").size() + 36);
  EXPECT_EQ(a.scale(), "boot");
  EXPECT_EQ(a.source(), "machine");
}

TEST(machine_clock, is_monotonic_over_threads) {
  machine_clock c;
  std::vector<std::thread> threads;
  std::atomic<std::int64_t> newest{0};
  std::atomic<bool> went_back{false};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const auto floor = newest.load();
        const auto seen = c.now().truth.latest.us;
        if (seen < floor) went_back = true;
        auto top = newest.load();
        while (top < seen && !newest.compare_exchange_weak(top, seen)) {
        }
      }
    });
  }
  for (auto& t : threads)
    t.join();
  EXPECT_FALSE(went_back);
}

TEST(machine_clock, reads_the_offset_of_a_time_namespace) {
  std::int64_t offset = 1;
  EXPECT_TRUE(parse_boot_offset(
      "monotonic           0         0\nboottime            0         0\n", offset));
  EXPECT_EQ(offset, 0);
  EXPECT_TRUE(parse_boot_offset("monotonic 5 6\nboottime -3 250000000\n", offset));
  EXPECT_EQ(offset, -2'750'000'000);
  EXPECT_FALSE(parse_boot_offset("monotonic 5 6\n", offset));
  EXPECT_FALSE(parse_boot_offset("", offset));
  for (const char* odd : {"boottime 9223372036854775807 0", "boottime -9999999999 0",
                          "boottime 1 1000000000", "boottime 1 -1"})
    EXPECT_FALSE(parse_boot_offset(odd, offset)) << odd;
}

}  // namespace
}  // namespace hedgerow::clock
