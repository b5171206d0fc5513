// Items 1, 5, 6, 13 and 15 of the thirty (docs/guarantees.md): who may take the lease at all, and
// when. On PostgreSQL, where leases are counted in UTC.

#include <csignal>
#include <ctime>

#include <gtest/gtest.h>

#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"
#include "tests/system/harness/tenures.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::postgres_server;
using std::chrono::microseconds;

std::int64_t utc_us() {
  return std::chrono::duration_cast<microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t number(const postgres_server& server, const std::string& column) {
  return std::stoll(server.psql("SELECT " + column + " FROM hedgerow_lease"));
}

void kill_all(cluster& group) {
  while (!group.agents().empty())
    group.kill(group.agents().front()->name());
}

TEST(thirty, item_01_of_many_that_start_at_once_one_leads) {
  postgres_server server;
  cluster group{"500ms", server.socket_url("owner"), same_clock};
  for (const bool over_an_old_row : {false, true}) {
    for (const char* name : {"a", "b", "c", "d", "e", "f"})
      group.start(name, {"--log-level", "warning"});
    EXPECT_TRUE(group.wait_formed(30s));
    EXPECT_EQ(expect_one_after_the_other(group).size(), over_an_old_row ? 2U : 1U);
    kill_all(group);
  }
}

// An agent finds a row of somebody else, whose lease ended so long ago.
TEST(thirty, item_05_a_lease_that_is_over_is_over_however_long_ago) {
  postgres_server server;
  cluster group{"200ms", server.socket_url("owner"), same_clock};
  group.start("a");
  ASSERT_TRUE(group.wait_formed());
  kill_all(group);
  for (const microseconds age :
       {microseconds{100}, 59'900'000us, 60'000'400us, microseconds{10min}, microseconds{72h}}) {
    const std::int64_t token = number(server, "token");
    server.psql("UPDATE hedgerow_lease SET released = false, expires_us = " +
                std::to_string(utc_us() - age.count()));
    group.start("a");
    ASSERT_TRUE(group.wait_formed()) << age.count() << " us";
    EXPECT_GT(number(server, "token"), token);
    kill_all(group);
  }
}

// The same with one that has so long to go: it is left alone.
TEST(thirty, item_05_a_lease_that_is_not_over_is_left_alone_however_long) {
  postgres_server server;
  cluster group{"200ms", server.socket_url("owner"), same_clock};
  group.start("a");
  ASSERT_TRUE(group.wait_formed());
  kill_all(group);
  const std::int64_t token = number(server, "token");
  for (const microseconds left :
       {59'900'000us, 60'000'400us, microseconds{10min}, microseconds{72h}}) {
    const std::int64_t expires = utc_us() + left.count();
    server.psql("UPDATE hedgerow_lease SET released = false, expires_us = " +
                std::to_string(expires));
    agent& one = group.start("a");
    // It has looked, and waits for what it saw.
    EXPECT_EQ(one.await("leadership", agent::leading, 400ms), nullptr) << left.count() << " us";
    EXPECT_EQ(number(server, "token"), token);
    EXPECT_EQ(number(server, "expires_us"), expires);
    kill_all(group);
  }
  // And one that ends soon, at its end and not before.
  const std::int64_t expires = utc_us() + 1'000'000;
  server.psql("UPDATE hedgerow_lease SET expires_us = " + std::to_string(expires));
  agent& one = group.start("a");
  ASSERT_NE(one.await("leadership", agent::leading, 10s), nullptr);
  EXPECT_GT(utc_us(), expires);
  EXPECT_GT(number(server, "acquired_us"), expires);
}

TEST(thirty, item_06_a_shorter_lease_robs_nobody_of_a_longer_one) {
  postgres_server server;
  cluster group{"1s", server.socket_url("owner"), same_clock};
  group.start("long");
  ASSERT_TRUE(group.wait_formed());
  agent& hasty = group.start("short", {"--lease", "200ms"});
  ASSERT_TRUE(group.wait_formed());
  ASSERT_TRUE(group["long"].leads());
  const std::int64_t token = number(server, "token");
  // For five of its own leases, or one of the other's.
  EXPECT_EQ(hasty.await("leadership", agent::leading, 1s), nullptr);
  EXPECT_EQ(number(server, "token"), token);
  group.kill("long");
  const std::int64_t expires = number(server, "expires_us");
  ASSERT_NE(hasty.await("leadership", agent::leading, 10s), nullptr);
  EXPECT_GT(number(server, "acquired_us"), expires) << "not before what was acknowledged is over";
  EXPECT_GT(number(server, "token"), token);
}

// Leases are microseconds of UTC: where agents, sessions and the server think that they are makes
// no difference.
TEST(thirty, item_13_time_zones_make_no_difference) {
  postgres_server server;
  server.set("timezone", "'Asia/Tokyo'");
  cluster group{"500ms", server.socket_url("owner"), same_clock};
  const std::map<std::string, std::string> places{
      {"a", "Asia/Tokyo"}, {"b", "America/New_York"}, {"c", "Europe/Berlin"}};
  for (const auto& [name, zone] : places) {
    process_setup with = group.agent_setup(name);
    with.environment["TZ"] = zone;
    with.environment["PGTZ"] = zone;
    group.start_with(name, std::move(with));
  }
  ASSERT_TRUE(group.wait_formed());
  EXPECT_NEAR(static_cast<double>(number(server, "expires_us")), static_cast<double>(utc_us()),
              2e6);
  for (int i = 0; i < 2; ++i) {
    const std::string old = group.leader()->name();
    group.kill(old);
    ASSERT_TRUE(group.wait_formed(10s)) << "within its lease, not within hours";
  }
  EXPECT_EQ(expect_one_after_the_other(group).size(), 3U);
}

}  // namespace
}  // namespace hedgerow::system_test
