// Names may be any bytes but a zero: as members, as groups, through every command.

#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

// As JSON shows them: text, or base64 where it is no UTF-8.
struct any_name {
  std::string bytes;
  std::string field;
  std::string shown;
};

std::vector<any_name> all_names() {
  const std::vector<std::string> texts{
      R"(o'brien "x" \ $(reboot) `id` %s {0})",
      "x'); DROP TABLE hedgerow_lease; --",
      "two\nlines\tand \x1b[31mred",
      "grün-日本語-\xf0\x9f\x8c\xbf",
      std::string(255, 'n'),
      "hex:00",
      " ",
  };
  std::vector<any_name> names{{"\xff\xfe\x01", "name_base64", "//4B"}};
  for (const std::string& text : texts)
    names.push_back({text, "name", text});
  return names;
}

std::set<std::string> shown_names(const json& members) {
  std::set<std::string> names;
  for (const json& m : members)
    names.insert(m.contains("name") ? m["name"] : m["name_base64"]);
  return names;
}

TEST(names, of_members_are_any_bytes) {
  cluster group{"500ms"};
  std::set<std::string> expected;
  for (const any_name& one : all_names()) {
    group.start(one.bytes);
    expected.insert(one.shown);
  }
  agent& watching = group.watch();
  const auto complete = [&](const json& members) {
    return shown_names(members) == expected &&
           std::all_of(members.begin(), members.end(),
                       [](const json& m) { return m["state"] == "up"; });
  };
  ASSERT_NE(watching.await(
                "view", [&](const json& view) { return complete(view["members"]); }, 20s),
            nullptr);
  for (const char* from : {"--json", "--from-store"}) {
    const outcome listed = group.run({"members", "--json", from});
    ASSERT_EQ(listed.code, 0) << listed.err;
    EXPECT_TRUE(complete(listed.object()["members"])) << listed.out;
  }
  const outcome table = group.run({"members"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'),
            static_cast<std::ptrdiff_t>(expected.size()) + 3)
      << "a line each, the heading, and who leads: " << table.out;
  EXPECT_EQ(table.out.find('\x1b'), std::string::npos);
  const outcome sent = group.run({"send", "hello", "--json"});
  ASSERT_EQ(sent.code, 0) << sent.err;
  const json reply = sent.object();
  EXPECT_TRUE(expected.count(reply.contains("from") ? reply["from"] : reply["from_base64"]));
  const outcome all = group.run({"broadcast", "hello", "--json"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(shown_names(all.object()["replies"]), expected);
}

TEST(names, of_groups_are_any_bytes) {
  cluster store{"200ms"};
  for (const any_name& one : all_names()) {
    const auto in_group = [&](arguments given) {
      given.insert(given.begin() + 1, {"--group", one.bytes});
      return store.run(given);
    };
    agent& member = store.start("a", {"--group", one.bytes});
    ASSERT_TRUE(wait_for([&] { return member.leads(); }, 10s)) << one.shown;
    const outcome listed = in_group({"members", "--json"});
    ASSERT_EQ(listed.code, 0) << listed.err;
    const json members = listed.object();
    EXPECT_EQ(members["members"].size(), 1u);
    const std::string field = one.field == "name" ? "group" : "group_base64";
    EXPECT_EQ(members[field], one.shown);
    EXPECT_EQ(in_group({"send", "x"}).out, "a: x");
    // Who asks for another group is told which is here, in one line.
    const outcome other = run_command(
        {"members", "--group", "other", "--agent", member.address(), "--timeout", "200ms"});
    EXPECT_EQ(other.code, 3);
    EXPECT_EQ(std::count(other.err.begin(), other.err.end(), '\n'), 1) << other.err;
    store.forget("a");
  }
}

}  // namespace
}  // namespace hedgerow::system_test
