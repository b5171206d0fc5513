#include "store/members_json.h"

#include <gtest/gtest.h>

namespace hedgerow::store {
namespace {

TEST(members_json, writes_what_json_cannot_hold_in_hexadecimal) {
  const auto written = [](const std::string& name) {
    return removed_to_json({{name, {1, 2}, removal_reason::left}});
  };
  EXPECT_NE(written("o'brien \xc3\xa9").find("\"o'brien \xc3\xa9\""), std::string::npos);
  EXPECT_NE(written("\xff").find("\"hex:ff\""), std::string::npos);
  EXPECT_NE(written("hex:").find("\"hex:6865783a\""), std::string::npos);
  EXPECT_NE(written(std::string("a\0b", 3)).find("\"hex:610062\""), std::string::npos)
      << "PostgreSQL refuses \\u0000";
  EXPECT_EQ(written(std::string("\0", 1)).find("\\u0000"), std::string::npos);
}

}  // namespace
}  // namespace hedgerow::store
