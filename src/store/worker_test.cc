#include "store/worker.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "store/patience.h"

namespace hedgerow::store {
namespace {

// A job that blocks until it is let go.
class blocker {
 public:
  job work() {
    return {boot_time::never(),
            [this, let_go = release_.get_future().share()] {
              begun_.set_value();
              let_go.wait();
            },
            [](const std::string&) { FAIL() << "a blocker was refused"; }};
  }
  void wait_until_begun() { begun_.get_future().wait(); }
  void let_go() { release_.set_value(); }

 private:
  std::promise<void> begun_;
  std::promise<void> release_;
};

struct tally {
  std::atomic<int> run{0};
  std::atomic<int> refused{0};

  job work(boot_time deadline) {
    return {deadline, [this] { ++run; }, [this](const std::string&) { ++refused; }};
  }
};

void wait_past(boot_time t) {
  while (boot_now() <= t) {
  }
}

TEST(worker, begins_nothing_after_its_deadline) {
  tally count;
  blocker block;
  {
    worker w("test", 10, [] {});
    w.submit(block.work());
    block.wait_until_begun();
    const boot_time soon = boot_now() + milliseconds(1);
    w.submit(count.work(soon));
    std::promise<void> last;
    w.submit({boot_time::never(), [&] { last.set_value(); }, [](const std::string&) {}});
    wait_past(soon);
    block.let_go();
    last.get_future().wait();
  }
  EXPECT_EQ(count.run, 0);
  EXPECT_EQ(count.refused, 1);
}

TEST(worker, refuses_what_does_not_fit_and_first_what_is_late) {
  tally late;
  tally early;
  tally last;
  blocker block;
  {
    worker w("test", 2, [] {});
    w.submit(block.work());
    block.wait_until_begun();
    const boot_time soon = boot_now() + milliseconds(1);
    w.submit(late.work(soon));
    w.submit(early.work(boot_time::never()));
    wait_past(soon);
    w.submit(early.work(boot_time::never()));
    EXPECT_EQ(late.refused, 1);
    EXPECT_EQ(early.refused, 0);
    w.submit(last.work(boot_time::never()));
    EXPECT_EQ(last.refused, 1) << "the queue is full";
    std::promise<void> end;
    block.let_go();
    while (early.run != 2) {
    }
    w.submit({boot_time::never(), [&] { end.set_value(); }, [](const std::string&) {}});
    end.get_future().wait();
  }
  EXPECT_EQ(late.run, 0);
  EXPECT_EQ(last.run, 0);
}

TEST(worker, finishes_and_drops_what_is_queued_at_the_end) {
  tally count;
  std::atomic<bool> finished{false};
  blocker block;
  {
    worker w("test", 10, [&] { finished = true; });
    w.submit(block.work());
    block.wait_until_begun();
    w.submit(count.work(boot_time::never()));
    w.stop();
    block.let_go();
    EXPECT_TRUE(w.join(boot_now() + seconds(20)));
  }
  EXPECT_TRUE(finished);
  EXPECT_EQ(count.run + count.refused, 0);
}

TEST(worker, that_hangs_is_left_behind) {
  struct outliving {
    std::promise<void> begun;
    std::promise<void> let_go;
    std::promise<void> finished;
  };
  const auto shared = std::make_shared<outliving>();
  const boot_time before = boot_now();
  {
    worker w("test", 10, [shared] { shared->finished.set_value(); });
    w.submit({boot_time::never(),
              [shared] {
                shared->begun.set_value();
                shared->let_go.get_future().wait();
              },
              [](const std::string&) {}});
    shared->begun.get_future().wait();
  }
  EXPECT_LT(boot_now() - before, milliseconds(1000));
  shared->let_go.set_value();
  EXPECT_EQ(shared->finished.get_future().wait_for(seconds(20)), std::future_status::ready);
}

}  // namespace
}  // namespace hedgerow::store
