#include "tools/text.h"

#include <string>

#include <gtest/gtest.h>

namespace hedgerow::tools {
namespace {

TEST(text, knows_utf8) {
  for (const char* good :
       {"", "abc", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "Hecke \xc3\xbc"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
                          "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "good then \xfe"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(text, base64_of_the_rfc) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(text, printable_can_not_steer_a_terminal) {
  EXPECT_EQ(printable("red \x1b[31m"), "red \\x1b[31m");
  EXPECT_EQ(printable("two\nlines\tand"), "two lines and");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // a C1 control
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("Hecke \xc3\xbc"), "Hecke \xc3\xbc");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(text, time_is_rfc_3339) {
  using std::chrono::milliseconds;
  const std::chrono::system_clock::time_point epoch{};
  EXPECT_EQ(utc_time(epoch), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(utc_time(epoch + milliseconds{1'700'000'000'007}), "2023-11-14T22:13:20.007Z");
}

TEST(text, table_aligns_characters_not_bytes) {
  EXPECT_EQ(table({{"NAME", "ZONE"}, {"\xc3\xbc", "x"}, {"longer", ""}}),
            "NAME    ZONE\n"
            "\xc3\xbc       x\n"
            "longer  -\n");
}

}  // namespace
}  // namespace hedgerow::tools
