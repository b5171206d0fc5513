#include "tools/durations.h"

#include <gtest/gtest.h>

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;

TEST(durations, reads_what_people_write) {
  const std::pair<const char*, std::int64_t> good[] = {
      {"500ms", 500}, {"3s", 3000}, {"2m", 120'000},  {"1h", 3'600'000},
      {"5", 5000},    {"0.5", 500}, {"1.25s", 1250},  {"0s", 0},
      {"007s", 7000}, {"0.001", 1}, {"1.5m", 90'000}, {"1000h", 3'600'000'000}};
  for (const auto& [text, expected] : good) {
    const auto value = parse_duration(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->count(), expected) << text;
  }
}

TEST(durations, refuses_all_else_and_says_what_to_write) {
  for (const char* bad : {"",
                          "s",
                          "ms",
                          "-1s",
                          "+1s",
                          " 1s",
                          "1 s",
                          "1s ",
                          "1e3",
                          "0x10",
                          ".5s",
                          "1.s",
                          "1..5s",
                          "1.2345s",
                          "1.5ms",
                          "1us",
                          "1S",
                          "1d",
                          "infinity",
                          "1001h",
                          "99999999999999999999s",
                          "999999999999h",
                          "1s2ms"}) {
    const auto value = parse_duration(bad);
    ASSERT_FALSE(value) << bad;
    EXPECT_NE(value.error().message().find("write it like"), std::string::npos) << bad;
  }
}

TEST(durations, are_shown_as_they_are_read) {
  for (const char* text : {"500ms", "3s", "2m", "1h", "0s", "1500ms", "90s"}) {
    const auto value = parse_duration(text);
    ASSERT_TRUE(value);
    EXPECT_EQ(to_string(*value), text);
  }
}

TEST(durations, are_rounded_for_people) {
  EXPECT_EQ(rounded(milliseconds{310}), "310 ms");
  EXPECT_EQ(rounded(milliseconds{2430}), "2.4 s");
  EXPECT_EQ(rounded(milliseconds{3 * 60'000}), "3 min");
  EXPECT_EQ(rounded(std::chrono::hours{5}), "5 h");
  EXPECT_EQ(rounded(std::chrono::hours{72}), "3 days");
}

}  // namespace
}  // namespace hedgerow::tools
