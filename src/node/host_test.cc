#include "node/host.h"

#include <vector>

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

TEST(user_log, gets_one_line_whatever_is_in_a_name) {
  std::vector<std::string> lines;
  user_log log([&](severity, std::string_view text) { lines.emplace_back(text); }, severity::info);
  log.write(severity::debug, "not wanted");
  log.write(severity::info, "name in use: 'a\nb\x1b[31m\x7f'");
  log.write(severity::info, "gr\xc3\xbcn");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "name in use: 'a b [31m '");
  EXPECT_EQ(lines[1], "gr\xc3\xbcn");
}

}  // namespace
}  // namespace hedgerow
