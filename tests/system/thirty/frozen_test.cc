// Commands and agents beside a database that is frozen. lease.md 9, item 20; whole nodes and locks
// in tests/databases/frozen_test.cc.

#include <gtest/gtest.h>

#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::postgres_server;

// A start of the program and a busy machine.
constexpr auto slack = slowness * 1500ms;

TEST(thirty, item_20_an_agent_that_starts_beside_a_frozen_database_says_so_in_time) {
  postgres_server server;
  server.freeze();
  cluster group{"1s", server.socket_url("owner"), same_clock};
  const auto begin = steady_clock::now();
  agent& one = group.start("a", {"--timeout", "400ms"});
  const auto told = [&] {
    return one.itself().err().find("not a member after 400ms; still trying") != std::string::npos;
  };
  EXPECT_TRUE(wait_for(told, 15s)) << one.itself().err();
  EXPECT_LE(steady_clock::now() - begin, 400ms + slack);
  server.thaw();
  EXPECT_TRUE(group.wait_formed(5s));
}

TEST(thirty, item_20_commands_end_at_their_deadline_beside_a_frozen_database) {
  postgres_server server;
  cluster group{"1s", server.socket_url("owner"), same_clock};
  for (const char* name : {"a", "b"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
  const std::string member = group.some_follower()->address();
  server.freeze();
  struct command {
    arguments words;
    int code;  // -1: any
  };
  const arguments by_agent{"--agent", member, "--timeout", "400ms"};
  const arguments by_store{"--store", group.store(), "--timeout", "400ms"};
  const auto with = [](arguments words, const arguments& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const std::vector<command> all{
      {with({"members"}, by_agent), 0},
      {with({"broadcast", "x"}, by_agent), 0},
      {with({"send", "x"}, by_agent), -1},  // the lease may not have ended yet
      {with({"leader"}, by_agent), -1},
      {with({"members"}, by_store), 3},
      {with({"send", "x"}, by_store), 3},
      {with({"broadcast", "x"}, by_store), 3},
      {with({"leader"}, by_store), 3},
      {{"lock", "job", "--store", group.store(), "--clock", "declared:5ms", "--wait", "400ms", "--",
        "true"},
       3}};
  for (const command& one : all) {
    const auto begin = steady_clock::now();
    const outcome ended = run_command(one.words);
    EXPECT_LE(steady_clock::now() - begin, 400ms + slack) << one.words[0] << " " << one.words[1];
    EXPECT_TRUE(one.code < 0 || ended.code == one.code)
        << one.words[0] << ": " << ended.code << ", " << ended.err;
  }
  for (agent* each : group.agents())
    EXPECT_TRUE(each->itself().running());
  server.thaw();
  EXPECT_TRUE(group.wait_formed(5s));
}

}  // namespace
}  // namespace hedgerow::system_test
