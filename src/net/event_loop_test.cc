#include "net/event_loop.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/loop_impl.h"

namespace hedgerow::net {
namespace {

bool until(event_loop& loop, const std::function<bool()>& condition) {
  const boot_time deadline = boot_now() + seconds(20);
  while (!condition()) {
    if (boot_now() > deadline) return false;
    loop.run_once(milliseconds(5));
  }
  return true;
}

TEST(event_loop, runs_tasks_in_order_on_its_thread) {
  event_loop loop;
  std::vector<int> seen;
  EXPECT_FALSE(loop.on_loop_thread());
  for (int i = 0; i < 100; ++i) {
    loop.post([&, i] {
      EXPECT_TRUE(loop.on_loop_thread());
      seen.push_back(i);
      if (i == 0) loop.post([&] { seen.push_back(100); });
    });
  }
  ASSERT_TRUE(until(loop, [&] { return seen.size() == 101; }));
  for (int i = 0; i <= 100; ++i)
    EXPECT_EQ(seen.at(static_cast<std::size_t>(i)), i);
  EXPECT_FALSE(loop.on_loop_thread());
}

TEST(event_loop, takes_tasks_from_many_threads) {
  event_loop loop;
  int count = 0;  // only touched on the loop's thread
  std::vector<std::thread> others;
  for (int t = 0; t < 4; ++t) {
    others.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        loop.post([&] {
          if (++count == 8000) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& each : others)
    each.join();
  EXPECT_EQ(count, 8000);
}

TEST(event_loop, dispatches_at_once_on_its_own_thread) {
  event_loop loop;
  bool inside = false;
  bool done = false;
  loop.dispatch([&] {
    loop.dispatch([&] { inside = true; });
    EXPECT_TRUE(inside);
    done = true;
  });
  EXPECT_FALSE(done);  // nobody runs the loop yet
  EXPECT_TRUE(until(loop, [&] { return done; }));
}

TEST(event_loop, can_be_stopped_before_and_from_elsewhere) {
  event_loop early;
  early.stop();
  early.run();
  event_loop late;
  std::thread other([&] { late.stop(); });
  late.run();
  other.join();
}

TEST(event_loop, wakes_at_the_earliest_time_and_not_before) {
  event_loop loop;
  std::vector<boot_time> woken;
  loop.on_wake([&] { woken.push_back(boot_now()); });
  const boot_time start = boot_now();
  loop.wake_at(start + seconds(60));
  loop.wake_at(start + milliseconds(20));
  ASSERT_TRUE(until(loop, [&] { return !woken.empty(); }));
  EXPECT_GE(woken.front(), start + milliseconds(20));
  EXPECT_LT(woken.front(), start + seconds(15));
}

TEST(event_loop, moves_a_wake_up_later) {
  event_loop loop;
  std::vector<boot_time> woken;
  loop.on_wake([&] { woken.push_back(boot_now()); });
  const boot_time start = boot_now();
  loop.wake_at(start + milliseconds(5));
  loop.wake_at(start + milliseconds(40));
  ASSERT_TRUE(until(loop, [&] { return !woken.empty(); }));
  EXPECT_GE(woken.front(), start + milliseconds(40));
  EXPECT_EQ(woken.size(), 1U);
}

TEST(event_loop, forgets_a_wake_up) {
  event_loop loop;
  int woken = 0;
  loop.on_wake([&] { ++woken; });
  const boot_time start = boot_now();
  loop.wake_at(start + milliseconds(5));
  loop.wake_at(boot_time::never());
  ASSERT_TRUE(until(loop, [&] { return boot_now() > start + milliseconds(20); }));
  EXPECT_EQ(woken, 0);
  loop.wake_at(boot_now() + milliseconds(5));  // still works
  EXPECT_TRUE(until(loop, [&] { return woken == 1; }));
}

TEST(event_loop, wakes_again_and_again_and_for_times_gone_by) {
  event_loop loop;
  int woken = 0;
  loop.on_wake([&] {
    if (++woken < 50) loop.wake_at({0});
  });
  loop.wake_at({-5});
  EXPECT_TRUE(until(loop, [&] { return woken == 50; }));
}

struct due_times final : waiter {
  void on_due() override {
    times.push_back(boot_now());
    if (then) then();
  }
  std::vector<boot_time> times;
  std::function<void()> then;
};

TEST(event_loop, tells_of_deadlines_in_their_order_and_not_before) {
  event_loop loop;
  const auto early = std::make_shared<due_times>();
  const auto late = std::make_shared<due_times>();
  deadline first(loop.internals());
  deadline second(loop.internals());
  const boot_time start = boot_now();
  second.set(start + milliseconds(40), late);
  first.set(start + milliseconds(10), early);
  ASSERT_TRUE(until(loop, [&] { return !late->times.empty(); }));
  ASSERT_EQ(early->times.size(), 1U);
  EXPECT_GE(early->times[0], start + milliseconds(10));
  EXPECT_GE(late->times[0], start + milliseconds(40));
  // In the past, and again from within.
  early->then = [&] {
    EXPECT_TRUE(loop.internals().in_turn());
    if (early->times.size() < 5) first.set({0}, early);
  };
  first.set({0}, early);
  EXPECT_TRUE(until(loop, [&] { return early->times.size() == 5; }));
  EXPECT_EQ(late->times.size(), 1U);
}

TEST(event_loop, forgets_deadlines_that_moved_or_went) {
  event_loop loop;
  const auto who = std::make_shared<due_times>();
  auto nobody = std::make_shared<due_times>();
  const boot_time start = boot_now();
  deadline moved(loop.internals());
  moved.set(start + milliseconds(2), who);
  moved.set(start + milliseconds(20), who);
  deadline cancelled(loop.internals());
  cancelled.set(start + milliseconds(3), who);
  cancelled.cancel();
  deadline orphan(loop.internals());
  orphan.set(start + milliseconds(4), nobody);
  nobody.reset();
  std::make_unique<deadline>(loop.internals())->set(start + milliseconds(5), who);
  ASSERT_TRUE(until(loop, [&] { return boot_now() > start + milliseconds(40); }));
  ASSERT_EQ(who->times.size(), 1U);
  EXPECT_GE(who->times[0], start + milliseconds(20));
}

TEST(event_loop, keeps_deadlines_and_the_wake_up_apart) {
  event_loop loop;
  const auto who = std::make_shared<due_times>();
  deadline due(loop.internals());
  int woken = 0;
  loop.on_wake([&] { ++woken; });
  const boot_time start = boot_now();
  due.set(start + milliseconds(10), who);
  loop.wake_at(start + milliseconds(20));
  ASSERT_TRUE(until(loop, [&] { return woken == 1; }));
  EXPECT_EQ(who->times.size(), 1U);
  loop.wake_at(boot_now() + milliseconds(5));
  due.set(boot_now() + milliseconds(15), who);
  ASSERT_TRUE(until(loop, [&] { return who->times.size() == 2; }));
  EXPECT_EQ(woken, 2);
}

TEST(event_loop, is_woken_by_a_post_however_it_falls) {
  event_loop loop;
  std::thread other([&] { loop.run(); });
  std::atomic<int> done = 0;
  for (int i = 0; i < 20'000; ++i) {
    loop.post([&] { ++done; });
    while (done <= i)
      std::this_thread::yield();  // a post that is not heard hangs here
  }
  loop.stop();
  other.join();
  EXPECT_EQ(done, 20'000);
}

TEST(event_loop, ends_every_outermost_turn_once) {
  event_loop loop;
  struct counter final : turn_hook {
    void on_turn_end() override { ++ends; }
    int ends = 0;
  } hook;
  loop.internals().add(&hook);
  bool done = false;
  loop.post([&] {
    loop.dispatch([&] { EXPECT_TRUE(loop.internals().in_turn()); });
    EXPECT_EQ(hook.ends, 0);
    done = true;
  });
  ASSERT_TRUE(until(loop, [&] { return done; }));
  EXPECT_EQ(hook.ends, 1);
  loop.internals().remove(&hook);
}

}  // namespace
}  // namespace hedgerow::net
