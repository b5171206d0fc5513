// Messages: outcomes, exit codes and what is printed.

#include <csignal>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

class messages : public testing::Test {
 protected:
  void form(std::initializer_list<const char*> names, const arguments& more = {}) {
    for (const char* name : names)
      group.start(name, more);
    ASSERT_TRUE(group.wait_formed());
  }
  cluster group;
};

TEST_F(messages, are_echoed_by_the_leader_without_a_handler) {
  form({"a", "b", "c"});
  const std::string leader = group.leader()->name();
  outcome sent = group.run({"send", "hello world"});
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(sent.out, leader + ": hello world");
  sent = group.run({"send", "--json", "hello"});
  EXPECT_EQ(sent.object()["ok"], true);
  EXPECT_EQ(sent.object()["reply"], leader + ": hello");
  EXPECT_EQ(sent.object()["from"], leader);
  EXPECT_EQ(sent.object()["token"], (*group.leader()->latest("leadership"))["token"]);
  EXPECT_EQ(group.run({"send", "-"}, "from stdin\n").out, leader + ": from stdin\n");
  EXPECT_EQ(group.run({"send"}, "from stdin").out, leader + ": from stdin");
  EXPECT_EQ(group.run({"send", ""}).out, leader + ": ");
  EXPECT_EQ(group.run({"send", "--", "-x"}).out, leader + ": -x");
  const std::string follower = group.some_follower()->address();
  EXPECT_EQ(run_command({"send", "via", "--agent", follower}).out, leader + ": via");
}

TEST_F(messages, reach_all) {
  form({"a", "b", "c"});
  outcome sent = group.run({"broadcast", "--json", "hi"});
  EXPECT_EQ(sent.code, 0) << sent.err;
  const json replies = sent.object()["replies"];
  ASSERT_EQ(replies.size(), 3u);
  std::map<std::string, std::string> texts;
  for (const json& r : replies) {
    EXPECT_EQ(r["ok"], true);
    EXPECT_EQ(r["outcome"], "replied");
    texts[r["name"]] = r["reply"];
  }
  EXPECT_EQ(texts,
            (std::map<std::string, std::string>{{"a", "a: hi"}, {"b", "b: hi"}, {"c", "c: hi"}}));
  sent = group.run({"broadcast"}, "hi");
  EXPECT_EQ(sent.out.substr(0, 4), "NAME");
  EXPECT_NE(sent.out.find("b: hi"), std::string::npos);
}

TEST_F(messages, without_a_group_exit_with_3) {
  outcome sent = group.run({"send", "x", "--timeout", "300ms"});
  EXPECT_EQ(sent.code, 3) << sent.err;
  EXPECT_EQ(sent.err.find("hedgerow: "), 0u);
  sent = group.run({"send", "x", "--json", "--timeout", "300ms"});
  EXPECT_EQ(sent.code, 3);
  EXPECT_EQ(sent.object()["ok"], false);
  EXPECT_EQ(sent.object()["outcome"], "not_executed");
  EXPECT_EQ(group.run({"broadcast", "x", "--timeout", "300ms"}).code, 3);
  EXPECT_EQ(group.run({"leader", "--timeout", "300ms"}).code, 3);
}

TEST_F(messages, to_a_leader_that_hangs_are_certainly_not_executed) {
  cluster slow{"3s"};
  for (const char* name : {"a", "b", "c"})
    slow.start(name);
  ASSERT_TRUE(slow.wait_formed());
  agent& leader = *slow.leader();
  const std::string follower = slow.some_follower()->address();
  slow.freeze(leader);
  const outcome sent =
      run_command({"send", "x", "--json", "--agent", follower, "--timeout", "700ms"});
  EXPECT_EQ(sent.code, 4) << sent.out << sent.err;
  EXPECT_EQ(sent.object()["outcome"], "not_executed");
  const outcome all =
      run_command({"broadcast", "x", "--json", "--agent", follower, "--timeout", "300ms"});
  EXPECT_EQ(all.code, 4) << all.out << all.err;
  const json told = all.object();
  for (const json& r : told["replies"]) {
    EXPECT_EQ(r["ok"], r["name"] != leader.name()) << r;
    EXPECT_EQ(r["outcome"], r["name"] != leader.name() ? "replied" : "not_executed") << r;
  }
  leader.itself().signal(SIGCONT);
}

TEST_F(messages, whose_handler_kills_its_agent_have_an_unknown_outcome) {
  form({"a"}, {"--on-send", "kill -9 $PPID", "--on-broadcast", "kill -9 $PPID"});
  outcome sent = group.run({"send", "x", "--json", "--timeout", "2s"});
  EXPECT_EQ(sent.code, 5) << sent.out << sent.err;
  EXPECT_EQ(sent.object()["outcome"], "unknown");
  EXPECT_EQ(sent.object()["code"], "outcome_unknown");
  EXPECT_EQ(sent.err.find("hedgerow: "), 0u);
  group.forget("a");
  form({"a"}, {"--on-send", "kill -9 $PPID", "--on-broadcast", "kill -9 $PPID"});
  sent = group.run({"broadcast", "x", "--json", "--timeout", "2s"});
  EXPECT_EQ(sent.code, 5) << sent.out << sent.err;
  EXPECT_EQ(sent.object()["replies"][0]["outcome"], "unknown");
}

TEST_F(messages, of_which_the_handler_fails_exit_with_1) {
  form({"a"}, {"--on-send", "echo first >&2; echo no disk >&2; exit 7"});
  outcome sent = group.run({"send", "x"});
  EXPECT_EQ(sent.code, 1);
  EXPECT_EQ(sent.out, "");
  EXPECT_NE(sent.err.find("exit status 7: no disk"), std::string::npos) << sent.err;
  sent = group.run({"send", "x", "--json"});
  EXPECT_EQ(sent.code, 1);
  EXPECT_EQ(sent.object()["ok"], false);
  EXPECT_EQ(sent.object()["code"], "handler_failed");
  EXPECT_EQ(sent.object()["error"], "exit status 7: no disk");
}

TEST_F(messages, follow_the_leader) {
  form({"a", "b", "c"});
  const std::string old = group.leader()->name();
  const std::string follower = group.some_follower()->address();
  group.kill(old);
  // Nobody leads now; the call waits for the next.
  const outcome sent = run_command({"send", "x", "--json", "--agent", follower, "--timeout", "8s"});
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_NE(sent.object()["from"], old);
}

}  // namespace
}  // namespace hedgerow::system_test
