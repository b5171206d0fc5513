// Items 7, 9 and 29 of the thirty (docs/guarantees.md): what a group asks of its database, and how
// badly it may be served.

#include <thread>

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
  postgres_server server;
  cluster group{"1s", server.socket_url("owner"), same_clock};
  for (const char* name : {"a", "b", "c"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
  server.set("log_line_prefix", "'%u '");
  server.set("log_statement", "'all'");
  const auto statements = [&] {
    const std::string log = server.log();
    std::int64_t count = 0;
    for (std::size_t at = 0; (at = log.find("owner LOG:  execute", at)) != log.npos; ++at)
      ++count;
    for (std::size_t at = 0; (at = log.find("owner LOG:  statement:", at)) != log.npos; ++at)
      ++count;
    return count;
  };
  const std::string renewed = "SELECT renewed_us FROM hedgerow_lease";
  ASSERT_TRUE(wait_for([&] { return statements() > 0; }, 5s)) << "the log tells of none";
  std::int64_t renewals = 0;
  std::string last = server.psql(renewed);
  const std::int64_t before = statements();
  EXPECT_TRUE(wait_for(
      [&] {
        const std::string now = server.psql(renewed);
        renewals += now != last ? 1 : 0;
        last = now;
        return renewals >= 6;
      },
      15s));
  // What falls on the borders; a renewal that is not seen because the next follows at once.
  EXPECT_NEAR(static_cast<double>(statements() - before), static_cast<double>(renewals), 2.0);
}

}  // namespace
}  // namespace hedgerow::system_test
