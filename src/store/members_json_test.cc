#include "store/members_json.h"

#include <gtest/gtest.h>

namespace hedgerow::store {
namespace {

TEST(members_json, gives_back_any_bytes) {
  std::vector<std::string> names{"",
                                 "plain",
                                 "hex:",
                                 "hex:41",
                                 "\"quoted\\\"",
                                 "\xc3\xa4",
                                 "\xc0\x80",
                                 "\xed\xa0\x80",
                                 "\xf4\x90\x80\x80",
                                 "\xe2\x82",
                                 "\xf0\x9f\x8c\xb3",
                                 std::string("a\0b", 3),
                                 "\x1f\x7f"};
  std::uint64_t seed = 1;
  for (int i = 0; i < 2000; ++i) {
    std::string name;
    for (int length = i % 7; length > 0; --length)
      name += static_cast<char>((seed = seed * 6364136223846793005U + 1442695040888963407U) >> 56);
    names.push_back(name);
  }
  std::vector<member> members;
  std::vector<removal> removed;
  for (const auto& name : names) {
    member m;
    m.name = m.address = m.zone = m.tags[name] = m.machine = name;
    members.push_back(m);
    removed.push_back({name, {1, 1}, removal_reason::crashed});
  }
  EXPECT_EQ(members_from_json(members_to_json(members)).value(), members);
  EXPECT_EQ(removed_from_json(removed_to_json(removed)).value(), removed);
}

TEST(members_json, refuses_what_it_would_not_write) {
  const std::string good =
      R"([{"name":"a","address":"b","incarnation":"00000000000000010000000000000002","state":"up",)"
      R"("health":"alive","zone":"","tags":{"k":"v"},"later":[1]}])";
  ASSERT_TRUE(members_from_json(good).has_value());
  EXPECT_EQ((*members_from_json(good))[0].machine, "") << "a row of an older version";
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return members_from_json(text);
  };
  EXPECT_FALSE(with("\"a\"", "\"hex:4\""));
  EXPECT_FALSE(with("\"a\"", "\"hex:4g\""));
  EXPECT_FALSE(with("\"a\"", "\"\xff\""));
  EXPECT_FALSE(with("\"up\"", "\"UP\""));
  EXPECT_FALSE(with("\"alive\"", "null"));
  EXPECT_FALSE(with("0001", "001"));
  EXPECT_FALSE(with("{\"k\":\"v\"}", "[]"));
  EXPECT_FALSE(with("\"v\"", "1"));
  EXPECT_FALSE(with("}]", "}"));
  EXPECT_FALSE(with("\"zone\"", "\"none\""));
  EXPECT_FALSE(with("\"later\":[1]", "\"machine\":[1]"));
  EXPECT_FALSE(removed_from_json("null"));
  EXPECT_FALSE(members_from_json(std::string(100'000, '[')));
}

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
