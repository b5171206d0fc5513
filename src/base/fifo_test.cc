#include "base/fifo.h"

#include <deque>
#include <memory>

#include <gtest/gtest.h>

#include "base/random.h"

namespace hedgerow::base {
namespace {

TEST(fifo, does_the_same_as_a_deque) {
  random any(1);
  fifo<std::uint64_t> queue;
  std::deque<std::uint64_t> same;
  std::uint64_t last = 0;
  for (int i = 0; i < 100'000; ++i) {
    // It fills up and runs dry in turns.
    if (any.chance(i / 1000 % 2 == 0 ? 0.55 : 0.45)) {
      queue.push_back(++last);
      same.push_back(last);
    } else if (!same.empty() && any.chance(0.05)) {
      const std::uint64_t which = last - any.below(20);
      queue.erase(which);
      std::erase(same, which);
    } else if (!same.empty()) {
      queue.pop_front();
      same.pop_front();
    }
    ASSERT_EQ(queue.size(), same.size());
    ASSERT_EQ(queue.empty(), same.empty());
    if (!same.empty()) {
      ASSERT_EQ(queue.front(), same.front());
      ASSERT_EQ(queue.back(), same.back());
    }
    if (i % 100 == 0) {
      ASSERT_TRUE(std::equal(queue.begin(), queue.end(), same.begin(), same.end()));
    }
  }
}

TEST(fifo, holds_nothing_of_what_was_taken_out) {
  fifo<std::shared_ptr<int>> queue;
  const auto what = std::make_shared<int>(1);
  for (int i = 0; i < 10; ++i)
    queue.push_back(what);
  for (int i = 0; i < 9; ++i)
    queue.pop_front();
  EXPECT_EQ(what.use_count(), 2);
  queue.pop_front();
  EXPECT_EQ(what.use_count(), 1);
}

}  // namespace
}  // namespace hedgerow::base
