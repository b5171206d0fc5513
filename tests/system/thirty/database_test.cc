// Items 7, 9 and 29 of the thirty (docs/guarantees.md): what a group asks of its database, and how
// badly it may be served.

#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <hedgerow/node.h>

#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"
#include "tests/system/harness/tenures.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::postgres_server;

// Statements that wait for as long as a fifth of the lease, again and again, are late and no more.
TEST(thirty, item_07_a_database_that_hangs_now_and_then_costs_nobody_the_lease) {
  postgres_server server;
  cluster group{"2s", server.socket_url("owner"), same_clock};
  group.start("a");
  group.start("b");
  ASSERT_TRUE(group.wait_formed(30s));
  agent& leader = *group.leader();
  const std::size_t from = leader.count();
  const std::string renewed = "SELECT renewed_us FROM hedgerow_lease";
  // Each time until it has renewed once more: so each renewal meets at least one that hangs.
  for (int i = 0; i < 3; ++i) {
    const std::string before = server.psql(renewed);
    server.freeze_backends();
    EXPECT_EQ(leader.await("leadership", agent::any, 300ms, from), nullptr);
    server.thaw();
    EXPECT_TRUE(wait_for([&] { return server.psql(renewed) != before; }, 4s));
  }
  EXPECT_EQ(leader.first("leadership", agent::any, from), nullptr);
  EXPECT_EQ(expect_one_after_the_other(group).size(), 1U);
}

// With a database that says nothing at all.
TEST(thirty, item_09_the_check_asks_nobody_and_tells_token_and_time_left) {
  postgres_server server;
  options with;
  with.name = "ann";
  with.store = server.socket_url("owner");
  with.clock = "declared:5ms";
  with.lease = 1s;
  const auto started = node::start(with);
  ASSERT_TRUE(started) << started.error().message();
  node& ann = **started;
  ASSERT_TRUE(wait_for([&] { return ann.leadership().leading(); }, 20s));
  const fencing_token token = ann.leadership().token;
  server.freeze();
  long checks = 0;
  auto left = std::chrono::microseconds::max();
  bool risen = false;
  const auto leads = [&] {
    const leadership now = ann.leadership();
    if (!now.leading()) return false;
    ++checks;
    EXPECT_EQ(now.token, token);
    EXPECT_GT(now.remaining, 0us);
    EXPECT_LE(now.remaining, 1s);
    // Once, if a renewal was answered as the server froze.
    EXPECT_TRUE(now.remaining <= left || !risen);
    risen = risen || now.remaining > left;
    left = now.remaining;
    return true;
  };
  const auto begin = steady_clock::now();
  while (leads() && steady_clock::now() - begin < 10s)
    std::this_thread::yield();
  EXPECT_GT(checks, 1000) << "they waited for something";
  EXPECT_LT(steady_clock::now() - begin, 10s) << "it leads on without a database";
  EXPECT_EQ(ann.leadership().remaining, 0us);
  server.thaw();
}

// Of the server's own log: reads count, too.
TEST(thirty, item_29_at_rest_there_is_one_statement_for_each_renewal) {
  constexpr std::size_t enough = 6;
  postgres_server server;
  cluster group{"1s", server.socket_url("owner"), same_clock};
  for (const char* name : {"a", "b", "c"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
  server.set("log_line_prefix", "'%u '");
  server.set("log_statement", "'all'");
  // Whole lines of the log that tell of a statement of the agents.
  const auto statements = [&] {
    std::vector<std::string> all;
    std::istringstream log{server.log()};
    for (std::string line; std::getline(log, line) && !log.eof();) {
      const bool one =
          line.find("LOG:  execute") != line.npos || line.find("LOG:  statement") != line.npos;
      if (one && line.starts_with("owner ")) all.push_back(line);
    }
    return all;
  };
  ASSERT_TRUE(wait_for([&] { return !statements().empty(); }, 5s)) << "the log tells of none";
  const std::size_t before = statements().size();
  const auto begin = steady_clock::now();
  ASSERT_TRUE(wait_for([&] { return statements().size() >= before + enough; }, 15s));
  const auto elapsed = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
  const auto told = statements();
  for (const std::string& one : told)
    EXPECT_NE(one.find("UPDATE hedgerow_lease SET expires_us"), one.npos) << one;
  EXPECT_GE(elapsed, (enough - 2) * 250ms) << "a renewal is due each quarter of the lease";
}

}  // namespace
}  // namespace hedgerow::system_test
