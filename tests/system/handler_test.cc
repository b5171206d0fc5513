// Shell commands as handlers.

#include <csignal>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/traces.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t payload_limit = 4 * 1024 * 1024;

class handlers : public testing::Test {
 protected:
  void form(const arguments& more) {
    group.start("a", more);
    ASSERT_TRUE(group.wait_formed());
  }
  std::string file(const std::string& name) const { return group.folder() / name; }

  cluster group{"2s"};
};

std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

TEST_F(handlers, know_token_sender_group_and_time) {
  form({"--group", "g", "--on-send", "env | grep ^HEDGEROW_ | sort; cat", "--on-broadcast",
        "printf 'all %s' $HEDGEROW_TOKEN"});
  const outcome sent = group.run({"send", "--group", "g", "--timeout", "9s", "text"});
  ASSERT_EQ(sent.code, 0) << sent.err;
  const std::string token = (*group["a"].latest("leadership"))["token"].dump();
  EXPECT_NE(sent.out.find("HEDGEROW_TOKEN=" + token + "\n"), std::string::npos) << sent.out;
  EXPECT_NE(sent.out.find("HEDGEROW_FROM=\n"), std::string::npos) << sent.out;
  EXPECT_NE(sent.out.find("HEDGEROW_GROUP=g\n"), std::string::npos) << sent.out;
  const auto at = sent.out.find("HEDGEROW_REMAINING_MS=");
  ASSERT_NE(at, std::string::npos) << sent.out;
  const int remaining = std::stoi(sent.out.substr(at + 22));
  EXPECT_GT(remaining, 0);
  EXPECT_LE(remaining, 9000);
  EXPECT_TRUE(sent.out.ends_with("\ntext")) << sent.out;
  const json all = group.run({"broadcast", "--group", "g", "--json", "x"}).object();
  EXPECT_EQ(all["replies"][0]["reply"], "all " + std::to_string(group["a"].view_id().first));
}

TEST_F(handlers, get_bytes_and_answer_bytes) {
  form({"--on-send", "cat"});
  const std::string bytes("\0\xff\n\x1b bytes \0", 13);
  EXPECT_EQ(group.run({"send"}, bytes).out, bytes);
  const json coded = group.run({"send", "--json"}, std::string("\x00\xff", 2)).object();
  EXPECT_EQ(coded["reply_base64"], "AP8=");
  EXPECT_FALSE(coded.contains("reply"));
}

TEST_F(handlers, get_up_to_the_limit_and_no_more) {
  form({"--on-send", "cat", "--on-broadcast", "wc -c"});
  const std::string largest = noise(payload_limit);
  const outcome sent = group.run({"send", "--timeout", "15s"}, largest);
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_TRUE(sent.out == largest) << sent.out.size();
  const outcome refused = group.run({"send", "--json"}, largest + "x");
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.object()["code"], "too_large");
  EXPECT_EQ(refused.object()["outcome"], "not_executed");
  const outcome all = group.run({"broadcast", "--json", "--timeout", "15s"}, largest);
  EXPECT_EQ(all.object()["replies"][0]["reply"], std::to_string(payload_limit) + "\n");
}

TEST_F(handlers, may_not_answer_more_than_the_limit) {
  form({"--on-send", "head -c 5000000 /dev/zero"});
  const outcome sent = group.run({"send", "x", "--timeout", "10s"});
  EXPECT_EQ(sent.code, 1) << sent.err;
  EXPECT_NE(sent.err.find("more than 4194304 bytes"), std::string::npos) << sent.err;
}

TEST_F(handlers, are_killed_at_the_deadline_with_their_children) {
  form({"--on-send", "sleep 1000 & echo $! > " + file("child") + "; wait"});
  const auto before = steady_clock::now();
  const outcome sent = group.run({"send", "x", "--timeout", "1s"});
  EXPECT_NE(sent.code, 0);
  EXPECT_LT(steady_clock::now() - before, 5s);
  const std::string child = await_line(file("child"), 10s);
  ASSERT_FALSE(child.empty());
  EXPECT_TRUE(wait_for([&] { return is_gone(child); }, 3s));
  EXPECT_TRUE(group["a"].itself().running());
}

TEST_F(handlers, may_take_longer_than_the_lease) {
  form({"--on-send", "sleep 3; echo done"});  // the lease is 2 s, and is renewed meanwhile
  const outcome sent = group.run({"send", "x", "--timeout", "20s"});
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(sent.out, "done\n");
}

TEST_F(handlers, are_killed_when_leadership_ends) {
  form({"--on-send", "echo $$ > " + file("pid") + "; exec sleep 1000"});
  process_setup with;
  with.arguments = {HEDGEROW_COMMAND, "send",        "x",         "--json",
                    "--store",        group.store(), "--timeout", "60s"};
  process send{std::move(with)};
  const std::string pid = await_line(file("pid"), 10s);
  ASSERT_FALSE(pid.empty());
  group["a"].itself().signal(SIGTERM);
  EXPECT_EQ(group["a"].itself().wait_exit(5s), 0);
  EXPECT_TRUE(wait_for([&] { return is_gone(pid); }, 3s));
  // Whether it did its work, nobody knows.
  EXPECT_EQ(send.wait_exit(10s), 5);
}

TEST_F(handlers, run_as_many_at_once_as_allowed) {
  form({"--handlers", "2", "--on-send",
        "mkdir " + file("slot-1") + " 2>/dev/null || mkdir " + file("slot-2") +
            " 2>/dev/null || { echo a third one >&2; exit 9; }; "
            "sleep 0.2; rmdir " +
            file("slot-2") + " 2>/dev/null || rmdir " + file("slot-1")});
  std::vector<std::unique_ptr<process>> all;
  for (int i = 0; i < 6; ++i) {
    process_setup with;
    with.arguments = {HEDGEROW_COMMAND, "send", "x", "--store", group.store(), "--timeout", "20s"};
    all.push_back(std::make_unique<process>(std::move(with)));
  }
  for (auto& one : all) {
    EXPECT_EQ(one->wait_exit(20s), 0);
    one->finish_reading();
    EXPECT_EQ(one->err(), "");
  }
}

}  // namespace
}  // namespace hedgerow::system_test
