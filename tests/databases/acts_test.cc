#include "tests/databases/acts.h"

#include <gtest/gtest.h>

namespace hedgerow::databases_test {
namespace {

TEST(acts, in_the_order_of_their_tokens_violate_nothing) {
  acts all;
  all.add(1, 1, {10});
  all.add(1, 1, {20});
  all.add(2, 2, {30});
  all.add({3, 1, {29}, {40}});  // may have come after the one before
  EXPECT_EQ(all.violations(), 0U) << all.told();
  EXPECT_EQ(all.tokens(), 3U);
  EXPECT_EQ(all.greatest(), 3);
  EXPECT_EQ(all.last_of(1), boot_time{20});
  EXPECT_EQ(all.first_of(1), boot_time{10});
}

TEST(acts, after_a_greater_token_violate) {
  acts all;
  all.add(2, 2, {30});
  all.add(1, 1, {29});
  EXPECT_EQ(all.violations(), 0U) << all.told();
  all.add(1, 1, {31});
  EXPECT_EQ(all.violations(), 1U);
  EXPECT_NE(all.told().find("after 2 had"), std::string::npos) << all.told();
}

TEST(acts, that_touch_are_not_certainly_one_after_the_other) {
  acts all;
  all.add({2, 2, {30}, {35}});
  all.add({1, 1, {35}, {36}});
  EXPECT_EQ(all.violations(), 0U) << all.told();
}

TEST(acts, of_two_under_one_token_violate) {
  acts all;
  all.add(1, 1, {10});
  all.add(1, 2, {11});
  EXPECT_EQ(all.violations(), 1U);
  EXPECT_NE(all.told().find("as another did"), std::string::npos) << all.told();
}

TEST(fence, refuses_what_is_lower_than_it_has_seen) {
  fence one;
  EXPECT_TRUE(one.accept(5));
  EXPECT_TRUE(one.accept(5));
  EXPECT_TRUE(one.accept(6));
  EXPECT_FALSE(one.accept(5));
}

}  // namespace
}  // namespace hedgerow::databases_test
