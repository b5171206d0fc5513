// Shell commands as handlers of streams: what they get, and that nothing of them is left.

#include <csignal>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/hostile_peer.h"
#include "tests/system/harness/traces.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

class stream_handlers : public testing::Test {
 protected:
  void form(const arguments& more) {
    group.start("a", more);
    ASSERT_TRUE(group.wait_formed()) << group.told();
  }
  std::string file(const std::string& name) const { return group.folder() / name; }
  bool all_gone() const {
    std::ifstream in{file("pids")};
    for (std::string pid; in >> pid;) {
      if (!is_gone(pid)) return false;
    }
    return true;
  }
  bool await_pids(int count) const {
    return wait_for(
        [&] {
          std::ifstream in{file("pids")};
          int found = 0;
          for (std::string pid; in >> pid;)
            ++found;
          return found >= count;
        },
        20s);
  }
  // `hedgerow stream` whose stdin stays open.
  process_setup talker(const std::string& more = {}) const {
    process_setup with;
    with.arguments = {"/bin/sh", "-c",
                      fmt::format("tail -f /dev/null | {} stream --store {} {}", HEDGEROW_COMMAND,
                                  group.store(), more)};
    return with;
  }

  cluster group{"1s"};
};

TEST_F(stream_handlers, know_what_the_stream_is) {
  form({"--group", "g", "--on-stream", "env | grep ^HEDGEROW_ | sort", "--on-broadcast-stream",
        "echo $HEDGEROW_STREAM_KIND $HEDGEROW_META_WHY"});
  const outcome sent = group.run({"stream", "--group", "g", "--meta", "why=a b", "--meta", "x-y=1",
                                  "--meta", "N_1=2", "--deadline", "1h"},
                                 "");
  ASSERT_EQ(sent.code, 0) << sent.err;
  const std::string token = (*group["a"].latest("leadership"))["token"].dump();
  const auto has = [&](const std::string& text) {
    return sent.out.find("HEDGEROW_" + text + "\n") != std::string::npos;
  };
  EXPECT_TRUE(has("TOKEN=" + token)) << sent.out;
  EXPECT_TRUE(has("FROM=")) << sent.out;
  EXPECT_TRUE(has("GROUP=g")) << sent.out;
  EXPECT_TRUE(has("STREAM_KIND=leader")) << sent.out;
  EXPECT_TRUE(has("META_WHY=a b")) << sent.out;
  EXPECT_TRUE(has("META_N_1=2")) << sent.out;
  EXPECT_NE(sent.out.find("HEDGEROW_REMAINING_MS=3"), std::string::npos) << sent.out;
  EXPECT_EQ(sent.out.find("X-Y"), std::string::npos) << sent.out;
  const outcome all = group.run({"stream", "--group", "g", "--all", "--meta", "why=z"}, "");
  EXPECT_EQ(all.out, "a\tall z\n") << all.err;
}

TEST_F(stream_handlers, may_speak_first_and_last) {
  form({"--on-stream", "echo hello; sort; echo bye"});
  const outcome sent = group.run({"stream"}, "b\na\n");
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(sent.out, "hello\na\nb\nbye\n");
}

TEST_F(stream_handlers, may_leave_early) {
  form({"--on-stream", "head -n 1"});
  const outcome one = group.run({"stream"}, "a\n");
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.out, "a\n");
  // What was not read is not taken for consumed.
  process_setup with;
  with.arguments = {"/bin/sh", "-c",
                    fmt::format("yes | {} stream --store {}", HEDGEROW_COMMAND, group.store())};
  const outcome many = run_program(std::move(with));
  EXPECT_EQ(many.code, 5) << many.err;
  EXPECT_NE(many.err.find("its handler has returned"), std::string::npos) << many.err;
}

TEST_F(stream_handlers, are_as_many_as_allowed) {
  form({"--stream-handlers", "1", "--on-stream", "echo $$ >> " + file("pids") + "; cat"});
  process first{talker()};
  ASSERT_TRUE(await_pids(1));
  const outcome second = group.run({"stream", "--timeout", "1s"}, "x\n");
  EXPECT_EQ(second.code, 4) << second.err;
  EXPECT_NE(second.err.find("as many stream handlers as it may"), std::string::npos) << second.err;
}

TEST_F(stream_handlers, may_not_write_endless_lines) {
  form({"--on-stream", "echo short; exec tr '\\0' x < /dev/zero"});
  const outcome sent = group.run({"stream"}, "");
  EXPECT_EQ(sent.code, 1) << sent.err;
  EXPECT_EQ(sent.out, "short\n");
  EXPECT_NE(sent.err.find("a line of more than 4194304 bytes"), std::string::npos) << sent.err;
}

TEST_F(stream_handlers, are_gone_after_a_good_end) {
  form({"--on-stream", "sleep 1000 & echo $! $$ >> " + file("pids") + "; cat"});
  const std::size_t before = open_descriptors(group["a"].itself().pid());
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(group.run({"stream"}, "x\n").out, "x\n");
  EXPECT_TRUE(await_pids(10));
  EXPECT_TRUE(wait_for([&] { return all_gone(); }, 10s)) << text_in(file("pids"));
  EXPECT_TRUE(wait_for([&] { return open_descriptors(group["a"].itself().pid()) <= before; }, 10s));
}

TEST_F(stream_handlers, are_gone_when_the_opener_is_killed) {
  form({"--on-stream", "sleep 1000 & echo $! $$ >> " + file("pids") + "; wait"});
  {
    process opener{talker()};
    ASSERT_TRUE(await_pids(2));
    EXPECT_FALSE(all_gone());
  }
  EXPECT_TRUE(wait_for([&] { return all_gone(); }, 10s)) << text_in(file("pids"));
  EXPECT_TRUE(group["a"].itself().running());
}

TEST_F(stream_handlers, hear_that_it_ends_and_are_killed_if_they_stay) {
  form({"--on-stream",
        fmt::format("trap 'echo told >> {}' TERM; echo $$ >> {}; while :; do sleep 0.05; done",
                    file("told"), file("pids"))});
  process opener{talker("--deadline 1s")};
  ASSERT_TRUE(await_pids(1));
  EXPECT_TRUE(wait_for([&] { return all_gone(); }, 10s));
  EXPECT_EQ(text_in(file("told")), "told\n");
  EXPECT_EQ(opener.wait_exit(10s), 5);
}

// A pipe that nobody empties blocks neither the end of the stream nor that of the agent.
TEST_F(stream_handlers, that_read_nothing_are_gone_too) {
  form({"--on-stream", "echo $$ >> " + file("pids") + "; exec sleep 1000"});
  process_setup with;
  with.arguments = {
      "/bin/sh", "-c",
      fmt::format("yes | {} stream --store {} --deadline 1s", HEDGEROW_COMMAND, group.store())};
  const outcome sent = run_program(std::move(with));
  EXPECT_EQ(sent.code, 5) << sent.err;
  EXPECT_TRUE(await_pids(1));
  EXPECT_TRUE(wait_for([&] { return all_gone(); }, 10s));
}

TEST_F(stream_handlers, are_gone_when_the_agent_stops) {
  form({"--on-stream", "sleep 1000 & echo $! $$ >> " + file("pids") + "; wait"});
  process opener{talker()};
  ASSERT_TRUE(await_pids(2));
  group["a"].itself().signal(SIGTERM);
  EXPECT_EQ(group["a"].itself().wait_exit(10s), 0);
  EXPECT_TRUE(all_gone()) << text_in(file("pids"));
  EXPECT_EQ(opener.wait_exit(10s), 5);
}

TEST_F(stream_handlers, are_gone_when_the_agent_is_killed) {
  form({"--on-stream", "echo $$ >> " + file("pids") + "; echo up; exec sleep 1000"});
  process opener{talker()};
  ASSERT_TRUE(wait_for([&] { return opener.out() == "up\n"; }, 10s));
  group["a"].itself().signal(SIGKILL);
  EXPECT_TRUE(wait_for([&] { return all_gone(); }, 10s)) << text_in(file("pids"));
  EXPECT_EQ(opener.wait_exit(10s), 5);
}

}  // namespace
}  // namespace hedgerow::system_test
