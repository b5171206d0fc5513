// `hedgerow lock` on PostgreSQL: commands of several machines would meet here.

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/postgres/bouncer.h"
#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::pgbouncer;
using postgres_test::postgres_server;

class lock_on_postgres : public testing::Test {
 protected:
  process_setup setup(const std::string& script, const std::string& lease,
                      const arguments& more = {}) const {
    process_setup with;
    with.arguments = {HEDGEROW_COMMAND, "lock",        "o'brien's \"job\"", "--lease", lease,
                      "--clock",        "declared:5ms"};
    with.arguments.insert(with.arguments.end(), more.begin(), more.end());
    with.arguments.insert(with.arguments.end(), {"--", "sh", "-c", script});
    with.environment = {{"HEDGEROW_STORE", url}, {"DIR", folder.folder()}};
    return with;
  }
  std::unique_ptr<process> start(const std::string& script, const std::string& lease = "1s",
                                 const arguments& more = {}) const {
    return std::make_unique<process>(setup(script, lease, more));
  }
  outcome run(const std::string& script, const std::string& lease = "1s",
              const arguments& more = {}) const {
    return run_program(setup(script, lease, more));
  }
  std::string read(const std::string& name) const {
    std::ifstream in{folder.folder() / name};
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool wait_file(const std::string& name, milliseconds patience = 20s) const {
    return wait_for([&] { return !read(name).empty(); }, patience);
  }

  postgres_server server;
  std::string url = server.socket_url("owner");
  cluster folder;
};

TEST_F(lock_on_postgres, runs_one_command_at_a_time_under_tokens_that_grow) {
  std::vector<std::unique_ptr<process>> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(start("for i in 1 2 3; do echo $HEDGEROW_TOKEN >> $DIR/log; done"));
  for (const auto& one : all)
    EXPECT_EQ(one->wait_exit(30s), 0);
  std::istringstream lines{read("log")};
  std::int64_t last = 0;
  int count = 0;
  for (std::int64_t token = 0; lines >> token; ++count) {
    EXPECT_TRUE(count % 3 == 0 ? token > last : token == last) << "two at once: " << read("log");
    last = token;
  }
  EXPECT_EQ(count, 12);
  EXPECT_EQ(server.psql("SELECT count(*) FROM hedgerow_lease"), "0\n") << "no group was touched";
}

TEST_F(lock_on_postgres, wakes_who_waits_long_before_it_would_have_looked) {
  ASSERT_EQ(run("true", "2s").code, 0);  // the first use waits for a lease
  // With a lease of an hour a waiter looks every quarter of an hour.
  server.psql("UPDATE hedgerow_lock SET lease_max_us = 3600000000");
  const auto first =
      start("echo 1 > $DIR/first; while [ ! -e $DIR/go ]; do sleep 0.02; done", "1h");
  ASSERT_TRUE(wait_file("first"));
  const auto second = start("echo 2 > $DIR/second", "1h");
  ASSERT_TRUE(wait_for(
      [&] {
        return server.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") ==
               "1\n";
      },
      10s));
  std::ofstream{folder.folder() / "go"} << "go";
  EXPECT_EQ(first->wait_exit(10s), 0);
  EXPECT_EQ(second->wait_exit(10s), 0);
  EXPECT_EQ(read("second"), "2\n");
}

TEST_F(lock_on_postgres, stops_its_command_when_the_database_is_away_for_too_long) {
  const auto held = start(
      "trap 'echo asked > $DIR/asked; exit' TERM; echo on > $DIR/on;"
      "while :; do sleep 0.02; done");
  ASSERT_TRUE(wait_file("on"));
  server.freeze();
  EXPECT_EQ(held->wait_exit(10s), 6);
  EXPECT_EQ(read("asked"), "asked\n");
  server.thaw();
  EXPECT_EQ(run("true").code, 0) << "and it is free again";
}

TEST_F(lock_on_postgres, works_behind_a_pooler) {
  pgbouncer bouncer{server};
  url = bouncer.url("owner", "app");
  ASSERT_EQ(run("true").code, 0);
  const auto first = start("echo 1 > $DIR/first; while [ ! -e $DIR/go ]; do sleep 0.02; done");
  ASSERT_TRUE(wait_file("first"));
  EXPECT_EQ(run("true", "1s", {"--wait", "300ms"}).code, 3);
  const auto second = start("true");
  std::ofstream{folder.folder() / "go"} << "go";
  EXPECT_EQ(first->wait_exit(10s), 0);
  EXPECT_EQ(second->wait_exit(10s), 0) << "it looks every quarter of the lease";
}

}  // namespace
}  // namespace hedgerow::system_test
