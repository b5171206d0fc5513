#include "tools/events.h"

#include <array>
#include <regex>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

member named(const std::string& name, std::uint64_t life) {
  member m;
  m.name = name;
  m.incarnation = {life, life};
  return m;
}

// What one event looks like, without its newline.
class events : public testing::Test {
 protected:
  events() { EXPECT_EQ(pipe2(fds_, O_CLOEXEC), 0); }
  ~events() override {
    close(fds_[0]);
    close(fds_[1]);
  }
  std::string line() const {
    std::array<char, 4096> buffer;
    const ssize_t n = read(fds_[0], buffer.data(), buffer.size());
    return n <= 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(n - 1));
  }
  json object() const { return json::parse(line()); }

  int fds_[2] = {-1, -1};
};

view_change two_of_three() {
  view v;
  v.id = {7, 3};
  v.members = {named("a", 1), named("b", 2)};
  return {
      std::make_shared<const view>(v), {v.members[1]}, {{"c", {3, 3}, removal_reason::crashed}}};
}

TEST_F(events, are_objects_with_event_and_time) {
  line_writer out{fds_[1]};
  event_printer print{out, true, false};
  print.leader({"b", "x:1", {2, 2}, 7, {}});
  const json leader = object();
  EXPECT_EQ(leader["event"], "leader");
  EXPECT_EQ(leader["name"], "b");
  EXPECT_EQ(leader["token"], 7);
  EXPECT_TRUE(std::regex_match(leader["time"].get<std::string>(),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  print.view(two_of_three());
  const json view = object();
  EXPECT_EQ(view["event"], "view");
  EXPECT_EQ(view["token"], 7);
  EXPECT_EQ(view["sequence"], 3);
  EXPECT_EQ(view["members"].size(), 2u);
  EXPECT_EQ(view["members"][1]["leader"], true);
  EXPECT_EQ(view["added"][0]["name"], "b");
  EXPECT_EQ(view["removed"][0]["name"], "c");
  EXPECT_EQ(view["removed"][0]["reason"], "crashed");
  print.leadership({leadership_state::suspended, 7, {}});
  EXPECT_EQ(object()["leading"], false);
  print.leadership({leadership_state::leading, 7, {}});
  EXPECT_EQ(object()["leading"], true);
  print.evicted(removal_reason::silent);
  EXPECT_EQ(object()["reason"], "silent");
  print.store(false, "locked");
  EXPECT_EQ(object()["status"], "unavailable");
  print.clock("machine", "synchronized", "");
  const json well = object();
  EXPECT_EQ(well["source"], "machine");
  EXPECT_FALSE(well.contains("text"));
  print.clock("chrony", "too_wide", "by 60 ms");
  const json wide = object();
  EXPECT_EQ(wide["status"], "too_wide");
  EXPECT_EQ(wide["text"], "by 60 ms");
}

TEST_F(events, are_words_for_people) {
  line_writer out{fds_[1]};
  event_printer print{out, false, false};
  member a = named("a\x1b", 1);
  a.address = "127.0.0.1:40123";
  print.ready(a);
  EXPECT_EQ(line(), "ready: a\\x1b at 127.0.0.1:40123");
  print.view(two_of_three());
  EXPECT_EQ(line(), "view: 2 members: a, b; joined: b; gone: c (crashed) [7.3]");
  print.leader({});
  EXPECT_EQ(line(), "leader: nobody");
  print.leadership({leadership_state::leading, 7, {}});
  EXPECT_EQ(line(), "leadership: leading, token 7");
  print.clock("chrony", "synchronized", "");
  EXPECT_EQ(line(), "clock: chrony: synchronized");
  print.clock("chrony", "unknown", "no\nanswer");
  EXPECT_EQ(line(), "clock: chrony: unknown: no answer");
}

TEST_F(events, of_a_watch_begin_with_the_time_of_day) {
  line_writer out{fds_[1]};
  event_printer print{out, false, true};
  print.leader({});
  EXPECT_TRUE(std::regex_match(line(), std::regex(R"(\d\d:\d\d:\d\d\.\d{3}  leader: nobody)")));
}

}  // namespace
}  // namespace hedgerow::tools
