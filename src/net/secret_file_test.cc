#include "net/secret_file.h"

#include <gtest/gtest.h>

namespace hedgerow::net {
namespace {

std::string why_not(std::string_view text) {
  const auto parsed = parse_secrets(text, "the.file");
  return parsed ? "" : parsed.error().message();
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

TEST(secret_file, takes_what_new_secret_makes) {
  const auto one = new_secret();
  const auto two = new_secret();
  EXPECT_NE(one, two);
  const auto parsed = parse_secrets("# first\n\n  " + one + " \r\n" + two, "f");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_NE(parsed->front().identity(), parsed->back().identity());
  EXPECT_NE(parsed->front().key(), parsed->back().key());
  // The same secret is the same key everywhere, and its name shows neither.
  EXPECT_EQ(parse_secrets(two, "f")->front().key(), parsed->back().key());
  EXPECT_EQ(parsed->front().identity().size(), std::string("hedgerow-").size() + 64);
}

// These values are the protocol: two versions must make the same of one secret.
TEST(secret_file, derives_the_same_for_ever) {
  const group_secret secret(std::string(32, 'a'));
  EXPECT_EQ(secret.identity(),
            "hedgerow-c98ec3d9fe2bf48e76096e6a8d95c1527634919f2b44d961d92b7f5ac9b89d67");
}

TEST(secret_file, says_which_line_is_wrong_and_not_what_is_in_it) {
  const auto good = new_secret();
  EXPECT_TRUE(has(why_not(""), "holds no secret"));
  EXPECT_TRUE(has(why_not("# only words\n"), "holds no secret"));
  EXPECT_EQ(why_not("hunter2\n").find("hunter2"), std::string::npos);
  EXPECT_TRUE(has(why_not("hunter2\n"), "the.file: line 1 does not begin with"));
  EXPECT_TRUE(has(why_not(good + "\nhedgerow-secret-1:!!!!\n"), "line 2 is damaged"));
  EXPECT_TRUE(has(why_not("hedgerow-secret-1:"), "damaged"));
  EXPECT_TRUE(has(why_not("hedgerow-secret-1:YWI= "), "holds 2 bytes; a secret has at least 32"));
  EXPECT_TRUE(has(why_not(good.substr(0, good.size() - 1)), "damaged"));
  EXPECT_TRUE(has(why_not(good + "\n" + good), "line 2 repeats a secret"));
  std::string many;
  for (std::size_t i = 0; i < secrets_max; ++i)
    many += new_secret() + "\n";
  EXPECT_EQ(why_not(many), "");
  EXPECT_TRUE(has(why_not(many + good), "line 17 is one secret too many"));
  EXPECT_TRUE(has(why_not(std::string(secret_file_bytes_max + 1, '#')), "longer than"));
}

}  // namespace
}  // namespace hedgerow::net
