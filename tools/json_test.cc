#include "tools/json.h"

#include <gtest/gtest.h>

namespace hedgerow::tools {
namespace {

member some_member(const std::string& name) {
  member m;
  m.name = name;
  m.address = "127.0.0.1:1";
  m.incarnation = {1, 2};
  m.zone = "z";
  m.tags = {{"k", "v"}};
  return m;
}

TEST(json, members_have_the_promised_fields) {
  view v;
  v.id = {7, 3};
  v.members = {some_member("a"), some_member("b")};
  v.members[1].incarnation = {3, 4};
  v.members[1].machine = "00112233445566ff";
  leader_info leader;
  leader.token = 7;
  leader.incarnation = {3, 4};
  const json report = to_json(
      members_report{"g", std::make_shared<const view>(v), std::chrono::milliseconds{12}, leader});
  EXPECT_EQ(
      line_of(report),
      R"({"group":"g","token":7,"sequence":3,"view_age_ms":12,"members":[)"
      R"({"name":"a","address":"127.0.0.1:1","incarnation":"00000000000000010000000000000002",)"
      R"("leader":false,"health":"alive","state":"joining","zone":"z","tags":{"k":"v"},)"
      R"("machine":""},)"
      R"({"name":"b","address":"127.0.0.1:1","incarnation":"00000000000000030000000000000004",)"
      R"("leader":true,"health":"alive","state":"joining","zone":"z","tags":{"k":"v"},)"
      R"("machine":"00112233445566ff"}]})");
}

TEST(json, bytes_that_are_not_utf8_are_coded) {
  member m = some_member("\xff");
  m.tags = {{"good", "x"}, {"bad", "\xfe"}};
  const json object = to_json(m, {});
  EXPECT_FALSE(object.contains("name"));
  EXPECT_EQ(object["name_base64"], "/w==");
  EXPECT_EQ(object["tags"].dump(), R"({"good":"x"})");
  EXPECT_EQ(object["tags_base64"].dump(), R"({"YmFk":"/g=="})");
  EXPECT_EQ(line_of(send_json(reply{std::string("\x00\xff", 2), "a", 5})),
            R"({"ok":true,"reply_base64":"AP8=","from":"a","token":5})");
}

TEST(json, a_failed_send_tells_outcome_and_code) {
  const auto line = [](errc code) {
    return line_of(send_json(tl::unexpected(error(code, "why"))));
  };
  EXPECT_EQ(line(errc::no_leader),
            R"({"ok":false,"outcome":"not_executed","code":"no_leader","error":"why"})");
  EXPECT_EQ(line(errc::outcome_unknown),
            R"({"ok":false,"outcome":"unknown","code":"outcome_unknown","error":"why"})");
  EXPECT_EQ(line(errc::handler_failed),
            R"({"ok":false,"outcome":"replied","code":"handler_failed","error":"why"})");
}

TEST(json, a_broadcast_tells_each_member) {
  const std::vector<member_reply> replies{{"a", {}, "yes"},
                                          {"b", {}, fail(errc::outcome_unknown, "gone")}};
  EXPECT_EQ(
      line_of(broadcast_json(replies)),
      R"({"replies":[{"name":"a","ok":true,"reply":"yes","outcome":"replied"},)"
      R"({"name":"b","ok":false,"error":"gone","outcome":"unknown","code":"outcome_unknown"}]})");
}

}  // namespace
}  // namespace hedgerow::tools
