#include "clock/clock_bound.h"

#include <gtest/gtest.h>

namespace hedgerow::clock {
namespace {

constexpr std::int64_t us = 1'000;
constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t tick = 4 * ms;
constexpr std::int64_t real = 1'700'000'000 * second;
constexpr std::int64_t as_of = 5'000 * second;

clock_bound synchronized_bound() {
  clock_bound b;
  b.as_of_ns = as_of;
  b.void_after_ns = as_of + 1'000 * second;
  b.bound_ns = 500 * us;
  b.max_drift_ppb = 50'000;
  b.status = clock_status::synchronized;
  b.fault = bound_fault::none;
  return b;
}

bounded_interval at_age(const clock_bound& b, std::int64_t age) {
  return interval_at(b, {real, b.as_of_ns + age}, tick);
}

TEST(interval_at, adds_the_drift_of_its_age_and_a_tick) {
  const auto r = at_age(synchronized_bound(), 2 * second - tick);
  EXPECT_EQ(r.status, clock_status::synchronized);
  EXPECT_EQ(r.fault, bound_fault::none);
  EXPECT_EQ(r.age_ns, 2 * second);
  EXPECT_EQ(r.bound_ns, 500 * us + 100 * us);
  EXPECT_EQ(r.earliest_ns, real - 600 * us);
  EXPECT_EQ(r.latest_ns, real + 600 * us);
}

TEST(interval_at, rounds_growth_up) {
  EXPECT_EQ(growth_ns(1, 1), 1);
  EXPECT_EQ(growth_ns(0, 50'000), 0);
  EXPECT_EQ(growth_ns(20'000, 50'000), 1);
  EXPECT_EQ(growth_ns(20'001, 50'000), 2);
  EXPECT_EQ(growth_ns(INT64_MAX, 50'000), 461'168'601'842'739);
  EXPECT_EQ(growth_ns(INT64_MAX, 4'000'000'000), INT64_MAX);
}

TEST(interval_at, trusts_less_with_age) {
  const auto b = synchronized_bound();
  EXPECT_EQ(at_age(b, 4'900 * ms).status, clock_status::synchronized);
  EXPECT_EQ(at_age(b, 5'100 * ms).status, clock_status::free_running);
  EXPECT_EQ(at_age(b, 5 * second - tick - 1).status, clock_status::synchronized);
  EXPECT_EQ(at_age(b, 5 * second - tick).status, clock_status::free_running);
  EXPECT_EQ(at_age(b, 999 * second).status, clock_status::free_running);
  const auto late = at_age(b, 1'001 * second);
  EXPECT_EQ(late.status, clock_status::unknown);
  EXPECT_EQ(late.fault, bound_fault::expired);
  EXPECT_EQ(at_age(b, 1'000 * second - tick - 1).status, clock_status::free_running);
  EXPECT_EQ(at_age(b, 1'000 * second - tick).status, clock_status::unknown);
}

TEST(interval_at, takes_an_as_of_ahead_by_a_tick_for_a_coarse_clock) {
  const auto b = synchronized_bound();
  for (const std::int64_t ahead : {us, tick}) {
    const auto r = at_age(b, -ahead);
    EXPECT_EQ(r.status, clock_status::synchronized) << ahead;
    EXPECT_EQ(r.age_ns, tick);
  }
  for (const std::int64_t ahead : {tick + 1, second}) {
    const auto r = at_age(b, -ahead);
    EXPECT_EQ(r.status, clock_status::unknown) << ahead;
    EXPECT_EQ(r.fault, bound_fault::future);
  }
}

TEST(interval_at, passes_on_what_is_not_trusted) {
  auto b = synchronized_bound();
  for (const auto bad : {clock_status::unknown, clock_status::disrupted}) {
    b.status = bad;
    EXPECT_EQ(at_age(b, 0).status, bad);
    EXPECT_EQ(at_age(b, 0).fault, bound_fault::as_told);
    EXPECT_EQ(at_age(b, 2'000 * second).status, bad);
  }
  b.status = clock_status::free_running;
  EXPECT_TRUE(at_age(b, 0).trusted());
  const auto none = interval_at(no_bound(bound_fault::unreadable, 13), {real, as_of}, tick);
  EXPECT_FALSE(none.trusted());
  EXPECT_EQ(none.fault, bound_fault::unreadable);
  EXPECT_EQ(none.detail, 13);
}

TEST(interval_at, believes_no_bound_below_a_microsecond) {
  auto b = synchronized_bound();
  b.bound_ns = 0;
  b.max_drift_ppb = 0;
  EXPECT_EQ(at_age(b, 0).bound_ns, us);
}

TEST(interval_at, saturates) {
  auto b = synchronized_bound();
  b.bound_ns = INT64_MAX;
  const auto r = at_age(b, second);
  EXPECT_EQ(r.bound_ns, INT64_MAX);
  EXPECT_EQ(r.latest_ns, INT64_MAX);
  EXPECT_LT(r.earliest_ns, 0);
  const auto t = to_bounded_time(r);
  EXPECT_GT(t.latest - t.earliest, std::chrono::hours{24 * 365});
  b.void_after_ns = INT64_MAX;
  EXPECT_FALSE(interval_at(b, {real, INT64_MAX}, tick).trusted());
}

TEST(to_bounded_time, rounds_outwards) {
  bounded_interval r;
  r.status = clock_status::synchronized;
  r.earliest_ns = 1'999;
  r.latest_ns = 2'001;
  EXPECT_EQ(to_bounded_time(r).earliest.us, 1);
  EXPECT_EQ(to_bounded_time(r).latest.us, 3);
  r.earliest_ns = -1;
  r.latest_ns = 3'000;
  EXPECT_EQ(to_bounded_time(r).earliest.us, -1);
  EXPECT_EQ(to_bounded_time(r).latest.us, 3);
  r.latest_ns = -1'001;
  EXPECT_EQ(to_bounded_time(r).latest.us, -1);
}

}  // namespace
}  // namespace hedgerow::clock
