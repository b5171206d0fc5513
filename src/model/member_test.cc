// Members and views as values.

#include <gtest/gtest.h>
#include <hedgerow/member.h>

namespace hedgerow {
namespace {

TEST(incarnation, text_and_back) {
  const incarnation one{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
  EXPECT_EQ(to_string(one), "0123456789abcdeffedcba9876543210");
  EXPECT_EQ(parse_incarnation(to_string(one)), one);
  EXPECT_EQ(to_string(incarnation{}), std::string(32, '0'));
  EXPECT_TRUE(incarnation{}.empty());
  EXPECT_FALSE(one.empty());
}

TEST(incarnation, nothing_else_is_one) {
  const std::string good(32, 'a');
  EXPECT_TRUE(parse_incarnation(good).has_value());
  for (const std::string& bad :
       {std::string(), good + "a", good.substr(1), std::string(31, 'a') + "g", std::string(32, 'A'),
        " " + good.substr(1), std::string(32, '\0')})
    EXPECT_FALSE(parse_incarnation(bad).has_value()) << bad;
}

TEST(view, S2_the_token_orders_before_the_sequence) {
  EXPECT_LT((view_id{6, 900}), (view_id{7, 1}));
  EXPECT_LT((view_id{7, 1}), (view_id{7, 2}));
  EXPECT_EQ((view_id{7, 2}), (view_id{7, 2}));
}

TEST(view, finds_by_incarnation_and_by_name) {
  view v;
  v.members.push_back({"a", "a:1", {1, 1}, {}, {}, {}, {}});
  v.members.push_back({"b", "b:1", {2, 2}, {}, {}, {}, {}});
  ASSERT_NE(v.find(incarnation{2, 2}), nullptr);
  EXPECT_EQ(v.find(incarnation{2, 2})->name, "b");
  EXPECT_EQ(v.find("a")->incarnation, (incarnation{1, 1}));
  EXPECT_EQ(v.find(incarnation{2, 1}), nullptr);
  EXPECT_EQ(v.find("c"), nullptr);
}

TEST(member, states_have_names) {
  EXPECT_EQ(to_string(member_state::joining), "joining");
  EXPECT_EQ(to_string(member_state::up), "up");
  EXPECT_EQ(to_string(member_state::leaving), "leaving");
  EXPECT_EQ(to_string(member_health::alive), "alive");
  EXPECT_EQ(to_string(member_health::degraded), "degraded");
  EXPECT_EQ(to_string(removal_reason::left), "left");
  EXPECT_EQ(to_string(removal_reason::crashed), "crashed");
  EXPECT_EQ(to_string(removal_reason::silent), "silent");
  EXPECT_EQ(to_string(removal_reason::replaced), "replaced");
}

}  // namespace
}  // namespace hedgerow
