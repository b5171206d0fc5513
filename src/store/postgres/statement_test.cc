#include "store/postgres/statement.h"

#include <gtest/gtest.h>

namespace hedgerow::store::postgres {
namespace {

TEST(statement, numbers_its_parameters) {
  statement made("SELECT :a, :b_2, :a WHERE x::text = ':c' AND y = :b");
  EXPECT_EQ(made.sql(), "SELECT $1, $2, $1 WHERE x::text = ':c' AND y = $3");
  made.bind(":a", std::int64_t{-7}).bind(":b", true).bind(":b_2", "x\xff").bind(":none", "y");
  EXPECT_EQ(made.values(), (std::vector<std::string>{"-7", "hex:78ff", "t"}));
}

TEST(statement, writes_what_is_no_text_in_hexadecimal) {
  statement made(":a :b :c :d");
  made.bind(":a", std::string("a\0b", 3)).bind(":b", "h\xc3\xa4").bind(":c", "hex:").bind(":d", "");
  EXPECT_EQ(made.values(),
            (std::vector<std::string>{"hex:610062", "h\xc3\xa4", "hex:6865783a", ""}));
}

}  // namespace
}  // namespace hedgerow::store::postgres
