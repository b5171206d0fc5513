#include "node/thread_shares.h"

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

using answer = thread_shares::answer;

unsigned take_all(thread_shares& of, std::uint64_t peer) {
  unsigned count = 0;
  while (of.take(peer) == answer::taken)
    ++count;
  return count;
}

TEST(thread_shares, leave_about_half_to_others) {
  thread_shares all(64);
  EXPECT_EQ(take_all(all, 1), 33U);
  EXPECT_EQ(all.take(1), answer::share_used);
  EXPECT_EQ(take_all(all, 2), 16U);
  EXPECT_EQ(take_all(all, 3), 8U);
  EXPECT_EQ(all.taken(), 57U);
  EXPECT_EQ(all.take(4), answer::taken);
}

TEST(thread_shares, one_alone_may_have_a_single_thread_and_two) {
  thread_shares one(1), two(2);
  EXPECT_EQ(take_all(one, 1), 1U);
  EXPECT_EQ(one.take(2), answer::none_free);
  EXPECT_EQ(take_all(two, 1), 2U);
  EXPECT_EQ(two.take(1), answer::none_free);
}

TEST(thread_shares, as_many_peers_as_threads_may_have_one_each) {
  thread_shares all(8);
  for (std::uint64_t peer = 1; peer <= 8; ++peer)
    EXPECT_EQ(all.take(peer), answer::taken);
  EXPECT_EQ(all.take(9), answer::none_free);
}

TEST(thread_shares, what_is_given_back_is_there_again) {
  thread_shares all(4);
  EXPECT_EQ(take_all(all, 1), 3U);
  EXPECT_EQ(all.take(2), answer::taken);
  all.give_back(1);
  EXPECT_EQ(all.take(1), answer::share_used) << "it has 2, and 1 is free";
  EXPECT_EQ(all.take(2), answer::taken);
  for (int i = 0; i < 2; ++i)
    all.give_back(1);
  for (int i = 0; i < 2; ++i)
    all.give_back(2);
  EXPECT_EQ(all.taken(), 0U);
  EXPECT_EQ(take_all(all, 3), 3U);
}

}  // namespace
}  // namespace hedgerow
