#include "clock/bounded_clock.h"

#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "clock/declared_clock.h"

namespace hedgerow::clock {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t second = 1'000'000'000;

// The kernel's clocks, as the tests set them. Coarse readings lag by `lag`; the `preempted`th next
// reading comes 20 ms late.
struct fake_kernel {
  std::atomic<std::int64_t> mono{1'000 * second};
  std::atomic<std::int64_t> real_offset{1'700'000'000 * second};
  std::atomic<std::int64_t> boot_offset{0};
  std::atomic<std::int64_t> lag{0};
  std::atomic<int> preempted{0};
};
fake_kernel kernel;

int fake_gettime(clockid_t id, timespec* t) noexcept {
  if (kernel.preempted > 0 && --kernel.preempted == 0) kernel.mono += 20 * ms;
  std::int64_t ns = kernel.mono;
  if (id == CLOCK_REALTIME) ns += kernel.real_offset;
  if (id == CLOCK_BOOTTIME) ns += kernel.boot_offset;
  if (id == CLOCK_MONOTONIC_COARSE) ns -= kernel.lag;
  t->tv_sec = ns / second;
  t->tv_nsec = ns % second;
  return 0;
}

struct scripted_source final : bound_source {
  clock_bound read() noexcept override {
    std::unique_lock hold(lock);
    ++reads;
    inside.notify_all();
    inside.wait(hold, [this] { return !hang; });
    return bound;
  }
  bound_fault check_machine(const clock_bound&) noexcept override { return machine; }
  std::string_view name() const noexcept override { return "scripted"; }
  std::string explain(bound_fault, std::int32_t detail) const override {
    return "detail " + std::to_string(detail);
  }
  // What a daemon would say now.
  void measure() {
    const std::lock_guard hold(lock);
    bound.as_of_ns = bound.measured_ns = kernel.mono;
    bound.void_after_ns = kernel.mono + 1'000 * second;
    bound.bound_ns = 50 * ms;
    bound.max_drift_ppb = 50'000;
    bound.status = clock_status::synchronized;
    bound.fault = bound_fault::none;
  }

  std::mutex lock;
  std::condition_variable inside;
  bool hang = false;
  int reads = 0;
  clock_bound bound;
  bound_fault machine = bound_fault::none;
};

class bounded : public testing::Test {
 protected:
  bounded() {
    kernel.lag = 0;
    kernel.preempted = 0;
    auto made = std::make_unique<scripted_source>();
    source = made.get();
    source->measure();
    subject = std::make_unique<bounded_clock>(std::move(made), &fake_gettime);
  }
  static void pass(std::int64_t ns) { kernel.mono += ns; }
  static std::int64_t real_us() { return (kernel.mono + kernel.real_offset) / 1000; }
  bool trusted() { return subject->truth().trusted(microseconds{200'000}); }

  scripted_source* source = nullptr;
  std::unique_ptr<bounded_clock> subject;
};

TEST_F(bounded, contains_true_time) {
  const auto t = subject->truth();
  EXPECT_EQ(t.status, clock_status::synchronized);
  EXPECT_LE(t.earliest.us, real_us() - 50'000);
  EXPECT_GE(t.latest.us, real_us() + 50'000);
  EXPECT_LT(t.latest - t.earliest, microseconds{101'000});
  EXPECT_EQ(t.token_hint, t.latest.us);
  kernel.boot_offset = 5 * second;
  EXPECT_EQ(subject->now().boot.ns, kernel.mono + 5 * second);
  kernel.boot_offset = 0;
  EXPECT_EQ(subject->trouble(), "");
  EXPECT_EQ(subject->scale(), "utc");
  EXPECT_EQ(subject->epoch(), "");
}

TEST_F(bounded, copies_the_source_every_10_ms_at_most) {
  const int before = source->reads;
  for (int i = 0; i < 100; ++i)
    subject->truth();
  EXPECT_EQ(source->reads, before);
  pass(10 * ms);
  for (int i = 0; i < 100; ++i)
    subject->truth();
  EXPECT_EQ(source->reads, before + 1);
}

TEST_F(bounded, fails_closed_at_once_when_the_source_does) {
  source->bound = no_bound(bound_fault::missing, 17);
  pass(10 * ms);
  EXPECT_FALSE(trusted());
  EXPECT_EQ(subject->trouble(), "detail 17");
  source->measure();
  pass(10 * ms);
  EXPECT_TRUE(trusted());
}

TEST_F(bounded, waits_a_second_for_a_writer_in_the_middle) {
  const auto whole = source->bound;
  source->bound = no_bound(bound_fault::being_written);
  pass(10 * ms);
  EXPECT_TRUE(trusted());
  pass(980 * ms);
  EXPECT_TRUE(trusted());
  pass(10 * ms);
  EXPECT_FALSE(trusted());
  source->bound = whole;
  pass(10 * ms);
  EXPECT_TRUE(trusted());
}

TEST_F(bounded, sees_a_step_at_once_and_trusts_what_is_measured_after_it) {
  // Smaller than the bound: that bound is wrong all the same.
  for (const std::int64_t step : {-40 * ms, 40 * ms, -second, 3600 * second}) {
    ASSERT_TRUE(trusted());
    kernel.real_offset += step;
    EXPECT_FALSE(trusted()) << step;
    EXPECT_NE(subject->trouble().find("stepped"), std::string::npos) << subject->trouble();
    pass(10 * ms);  // the same measurement, copied anew
    EXPECT_FALSE(trusted());
    source->measure();
    source->bound.measured_ns -= 20 * ms;  // told after the step, measured before
    pass(10 * ms);
    EXPECT_FALSE(trusted());
    pass(ms);
    source->measure();
    pass(10 * ms);
    EXPECT_TRUE(trusted());
  }
}

TEST_F(bounded, sees_a_small_step_at_the_next_copy) {
  kernel.real_offset += 2 * ms;
  pass(10 * ms);
  EXPECT_FALSE(trusted());
  pass(ms);
  source->measure();
  pass(10 * ms);
  EXPECT_TRUE(trusted());
  kernel.real_offset += 100'000;  // less than a lease notices
  pass(10 * ms);
  EXPECT_TRUE(trusted());
}

TEST_F(bounded, takes_no_preemption_and_no_lag_for_a_step) {
  kernel.lag = coarse_tick_ns();
  EXPECT_TRUE(trusted());
  kernel.lag = 0;
  for (int reading = 1; reading <= 8; ++reading) {
    source->measure();
    kernel.preempted = reading;
    EXPECT_TRUE(trusted()) << reading;
    kernel.preempted = 0;
  }
}

TEST_F(bounded, asks_for_the_machine_when_the_bound_says_so) {
  source->machine = bound_fault::vmclock_changed;
  EXPECT_TRUE(trusted());
  source->bound.ask_vmclock = true;
  pass(10 * ms);
  EXPECT_EQ(subject->truth().status, clock_status::disrupted);
  source->machine = bound_fault::vmclock_busy;
  EXPECT_EQ(subject->truth().status, clock_status::unknown);
  source->machine = bound_fault::none;
  EXPECT_TRUE(trusted());
}

TEST_F(bounded, does_not_wait_for_a_source_that_hangs) {
  source->hang = true;
  pass(10 * ms);
  const int before = source->reads;
  std::thread stuck([&] { subject->truth(); });
  {
    std::unique_lock hold(source->lock);
    source->inside.wait(hold, [&] { return source->reads > before; });
  }
  EXPECT_TRUE(trusted());  // on the copy that there is
  pass(1'100 * ms);
  EXPECT_FALSE(trusted());
  EXPECT_NE(subject->trouble().find("hung"), std::string::npos);
  {
    const std::lock_guard hold(source->lock);
    source->hang = false;
    source->inside.notify_all();
  }
  stuck.join();
  source->measure();
  pass(10 * ms);
  EXPECT_TRUE(trusted());
}

TEST_F(bounded, is_read_by_many_threads_at_once) {
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  // Time that jumps within a reading would look like a step.
  std::shared_mutex still;
  std::atomic<bool> moving{false};  // readers let the writer in
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        while (moving)
          std::this_thread::yield();
        const std::shared_lock hold(still);
        const auto t = subject->truth();
        if (!t.trusted(microseconds{200'000})) ++wrong;
      }
    });
  }
  for (int i = 0; i < 2'000; ++i) {
    {
      moving = true;
      const std::lock_guard hold(still);
      source->measure();
      pass(11 * ms);
      moving = false;
    }
    subject->truth();
  }
  done = true;
  for (auto& t : readers)
    t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(declared, is_the_wall_clock_and_the_error) {
  kernel.boot_offset = 0;
  declared_clock c(milliseconds{5}, &fake_gettime);
  const std::int64_t real = kernel.mono + kernel.real_offset;
  const auto t = c.now().truth;
  EXPECT_EQ(t.earliest.us, (real - 5 * ms) / 1000);
  EXPECT_EQ(t.latest.us, (real + 5 * ms) / 1000);
  EXPECT_EQ(t.status, clock_status::synchronized);
  EXPECT_EQ(c.now().boot.ns, kernel.mono);
  EXPECT_EQ(c.precise().latest_ns - c.precise().earliest_ns, 10 * ms);
  EXPECT_EQ(c.source(), "declared");
}

TEST(declared, is_not_trusted_for_30_s_after_a_step) {
  declared_clock c(milliseconds{5}, &fake_gettime);
  const auto status = [&] { return c.now().truth.status; };
  kernel.real_offset += 4 * ms;
  EXPECT_EQ(status(), clock_status::synchronized);
  kernel.real_offset += 2 * ms;  // 6 ms in all
  EXPECT_EQ(status(), clock_status::unknown);
  EXPECT_NE(c.trouble(), "");
  kernel.mono += 29 * second;
  EXPECT_EQ(status(), clock_status::unknown);
  kernel.real_offset -= second;
  EXPECT_EQ(status(), clock_status::unknown);
  kernel.mono += 29 * second;
  EXPECT_EQ(status(), clock_status::unknown);
  kernel.mono += second;
  EXPECT_EQ(status(), clock_status::synchronized);
  EXPECT_EQ(c.trouble(), "");
}

}  // namespace
}  // namespace hedgerow::clock
