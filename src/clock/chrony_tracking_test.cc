#include "clock/chrony_tracking.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "clock/test_chronyd.h"

namespace hedgerow::clock {
namespace {

constexpr std::int64_t second = 1'000'000'000;

std::string answer_to(std::uint32_t sequence, const tracking_answer& what = {}) {
  const auto request = tracking_request(sequence);
  return encode_answer(what, {request.data(), request.size()});
}

std::string changed(std::string bytes, std::size_t where, int value) {
  bytes[where] = static_cast<char>(value);
  return bytes;
}

TEST(tracking_request, is_as_long_as_the_answer) {
  const auto r = tracking_request(0x01020304);
  const std::string head(r.data(), 20);
  EXPECT_EQ(head, std::string("\6\1\0\0\0\x21\0\0\1\2\3\4\0\0\0\0\0\0\0\0", 20));
  EXPECT_EQ(r.size(), 104u);
}

TEST(chrony_float, has_7_bits_of_exponent_and_25_of_coefficient) {
  EXPECT_EQ(chrony_float(0), 0);
  EXPECT_EQ(chrony_float(0x02000000U | 1U << 23), 0.5);  // 2^23 * 2^(1-25)
  EXPECT_EQ(chrony_float(0x02000000U | 0x1800000U), -0.5);
  EXPECT_EQ(chrony_float(127U << 25 | 1), std::ldexp(1, -26));  // the exponent is -1
  EXPECT_EQ(chrony_float(64U << 25 | 1), std::ldexp(1, -89));
  for (const double v : {1e-9, 4.2e-6, 0.25, 1.0, 1024.5, -3e-5})
    EXPECT_NEAR(chrony_float(to_chrony_float(v)), v, std::abs(v) * 1e-6);
}

TEST(parse_tracking, reads_an_answer) {
  tracking_answer a;
  a.leap = 2;
  a.reference_id = 0xA9FEA97B;
  const std::string bytes = answer_to(7, a);
  const auto t = parse_tracking(bytes, 7);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->reference_id, 0xA9FEA97B);
  EXPECT_EQ(t->leap, 2);
  EXPECT_NEAR(t->current_correction, 1e-5, 1e-11);
  EXPECT_NEAR(t->root_delay, 1e-4, 1e-10);
  EXPECT_NEAR(t->root_dispersion, 2e-4, 1e-10);
  EXPECT_NEAR(t->last_update_interval, 1, 1e-6);
  EXPECT_GT(t->reference_ns, 1'700'000'000 * second);
  EXPECT_TRUE(parse_tracking(answer_to(7, a) + "more", 7));
  std::string old = bytes;  // of a 32-bit chronyd
  old.replace(56, 4, "\x7f\xff\xff\xff");
  EXPECT_EQ(parse_tracking(old, 7)->reference_ns, t->reference_ns);
}

TEST(parse_tracking, refuses_what_is_none) {
  const std::string good = answer_to(7);
  const auto fault = [](const std::string& bytes) {
    const auto t = parse_tracking(bytes, 7);
    return t || t.error().other ? bound_fault::none : t.error().fault;
  };
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_EQ(fault(good.substr(0, length)), bound_fault::answer_malformed) << length;
  for (const std::size_t where : {0U, 1U, 5U, 7U})  // version, type, command, kind of reply
    EXPECT_EQ(fault(changed(good, where, 9)), bound_fault::answer_malformed) << where;
  EXPECT_EQ(fault(changed(good, 55, 4)), bound_fault::answer_malformed);     // leap
  EXPECT_EQ(fault(changed(good, 56, 0x7e)), bound_fault::answer_malformed);  // seconds
  EXPECT_EQ(fault(changed(good, 64, 0x7f)), bound_fault::answer_malformed);  // nanoseconds
  for (const std::size_t where : {92U, 96U, 100U})                           // negative
    EXPECT_EQ(fault(changed(good, where, good[where] | 1)), bound_fault::answer_malformed) << where;
  const auto refused = parse_tracking(changed(good, 9, 19), 7);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, bound_fault::answer_refused);
  EXPECT_EQ(refused.error().detail, 19);
  EXPECT_TRUE(parse_tracking(good, 8).error().other);
}

class chrony_bound : public testing::Test {
 protected:
  clock_bound of(bool before = false) {
    watch.on_asked(asked);
    return bound_of(t, asked, watch.measured_ns(t.reference_ns), before);
  }
  // Asked again later, in true time.
  void pass(std::int64_t ns) {
    asked.real_ns += ns;
    asked.mono_ns += ns;
  }

  clock_reads asked{1'700'000'000 * second, 5'000 * second};
  tracking t{.reference_id = 1,
             .leap = 0,
             .reference_ns = asked.real_ns - 2 * second,
             .current_correction = -10e-6,
             .root_delay = 100e-6,
             .root_dispersion = 200e-6,
             .last_update_interval = 1};
  measurement_watch watch;
};

TEST_F(chrony_bound, adds_delay_dispersion_correction_and_the_quartz) {
  const auto b = of();
  EXPECT_TRUE(b.usable());
  EXPECT_EQ(b.status, clock_status::synchronized);
  EXPECT_NEAR(static_cast<double>(b.bound_ns), 260'000 + 2 * 49'000, 2);
  EXPECT_GE(b.bound_ns, 260'000 + 2 * 49'000);
  EXPECT_EQ(b.max_drift_ppb, 50'000u);
  EXPECT_EQ(b.as_of_ns, asked.mono_ns);
  EXPECT_EQ(b.measured_ns, asked.mono_ns - 2 * second);
  EXPECT_EQ(b.void_after_ns, asked.mono_ns + 5 * second);
}

TEST_F(chrony_bound, runs_freely_when_the_last_measurement_is_old) {
  t.reference_ns = asked.real_ns - 9 * second;
  EXPECT_EQ(of().status, clock_status::synchronized);  // 8 intervals, and a second of fuzz
  t.reference_ns -= 1;
  EXPECT_EQ(of(true).status, clock_status::free_running);
  EXPECT_EQ(of(false).fault, bound_fault::never_synchronized);
}

TEST_F(chrony_bound, is_none_without_a_server) {
  t.leap = 3;
  EXPECT_EQ(of(true).fault, bound_fault::not_synchronized);
  t.leap = 0;
  t.reference_id = 0x7F7F0101;
  EXPECT_EQ(of(true).fault, bound_fault::local_reference);
  t.reference_id = 1;
  t.root_dispersion = 10.5;
  EXPECT_EQ(of(true).fault, bound_fault::not_synchronized);
}

TEST_F(chrony_bound, is_none_when_it_was_measured_in_the_future) {
  t.reference_ns = asked.real_ns + 1;
  EXPECT_EQ(of(true).fault, bound_fault::stepped);
}

// Which is not in the future any more once the clock has come as far.
TEST_F(chrony_bound, was_measured_when_it_was_although_the_clock_is_stepped_after_it) {
  const std::int64_t measured = asked.mono_ns - 2 * second;
  for (const std::int64_t step : {-5 * second, 3 * second, second / 2}) {
    EXPECT_LE(of().measured_ns, measured);
    asked.real_ns += step;
    pass(6 * second);
    EXPECT_LE(of(true).measured_ns, measured) << step;
    pass(second / 2);
    t.reference_ns += second / 20;  // slewed
    EXPECT_LE(of(true).measured_ns, measured + second / 20) << step;
    t.reference_ns -= second / 20;
  }
}

TEST_F(chrony_bound, takes_a_measurement_for_too_old_where_the_clock_was_stepped_before_it) {
  ASSERT_TRUE(of().usable());
  const std::int64_t stepped = asked.mono_ns + second / 4;
  asked.real_ns -= 5 * second;
  pass(second / 2);
  t.reference_ns = asked.real_ns;  // measured since, perhaps before the step
  EXPECT_LE(of().measured_ns, stepped);
  pass(16 * second);
  t.reference_ns = asked.real_ns;
  EXPECT_EQ(of().measured_ns, asked.mono_ns);
}

TEST_F(chrony_bound, counts_a_step_while_chronyd_was_silent) {
  ASSERT_TRUE(of().usable());
  const std::int64_t measured = asked.mono_ns - 2 * second;
  pass(second);
  watch.on_asked(asked);
  asked.real_ns -= 5 * second;
  pass(9 * second);
  watch.on_asked(asked);
  EXPECT_LE(of(true).measured_ns, measured);
}

}  // namespace
}  // namespace hedgerow::clock
