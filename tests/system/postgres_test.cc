// A group on PostgreSQL: what stays the same, and what a database can do that a file can't.

#include <csignal>

#include <gtest/gtest.h>

#include "tests/postgres/bouncer.h"
#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::pgbouncer;
using postgres_test::postgres_server;

std::int64_t token_of(agent& one) {
  return (*one.latest("leadership"))["token"];
}

bool unavailable(const json& store) {
  return store["status"] == "unavailable";
}

bool not_leading(const json& leadership) {
  return !leadership["leading"];
}

struct postgres_group : testing::Test {
  // The trust of the socket saves the passwords.
  std::string url() const { return server.socket_url("owner"); }
  void form(cluster& group, std::initializer_list<const char*> names = {"a", "b", "c"}) {
    for (const char* name : names)
      group.start(name);
    ASSERT_TRUE(group.wait_formed());
  }

  postgres_server server;
};

TEST_F(postgres_group, forms_answers_and_shows_its_members_in_sql) {
  cluster group{"1s", url(), same_clock};
  form(group);
  EXPECT_EQ(group.run({"send", "x"}).out, group.leader()->name() + ": x");
  EXPECT_EQ(group.run({"members", "--json"}).object()["members"].size(), 3U);
  EXPECT_EQ(group.run({"members", "--json", "--from-store"}).object()["members"].size(), 3U);
  EXPECT_EQ(server.psql("SELECT count(*), min(name) FROM hedgerow_members"), "3|a\n");
}

TEST_F(postgres_group, is_led_by_another_when_its_leader_stops_or_is_killed) {
  cluster group{"1s", url(), same_clock};
  form(group);
  for (const int signal : {SIGTERM, SIGKILL}) {
    const std::string old = group.leader()->name();
    const std::int64_t old_token = token_of(*group.leader());
    group[old].itself().signal(signal);
    EXPECT_TRUE(group[old].itself().wait_exit(5s).has_value());
    group.forget(old);
    ASSERT_TRUE(wait_for([&] { return group.leader() != nullptr; }, 5s));
    EXPECT_GT(token_of(*group.leader()), old_token);
    EXPECT_TRUE(group.wait_formed());
    group.start(old);
    EXPECT_TRUE(group.wait_formed());
  }
}

TEST_F(postgres_group, lives_on_without_a_leader_while_the_database_is_away) {
  cluster group{"1s", url(), same_clock};
  form(group);
  agent& leader = *group.leader();
  const std::int64_t old_token = token_of(leader);
  const std::size_t from = leader.count();
  server.stop();
  const auto stopped = steady_clock::now();
  const event* lost = leader.await("leadership", not_leading, 4s, from);
  ASSERT_NE(lost, nullptr);
  EXPECT_LE(lost->at - stopped, 1100ms) << "the lease was renewed just before, at the latest";
  EXPECT_NE(leader.await("store", unavailable, 5s, from), nullptr);
  for (agent* one : group.agents()) {
    const outcome asked = run_command({"members", "--json", "--agent", one->address()});
    EXPECT_EQ(asked.object()["members"].size(), 3U) << asked.err;
  }
  const outcome all = run_command({"broadcast", "x", "--json", "--agent", leader.address()});
  EXPECT_EQ(all.code, 0) << all.err;
  const outcome sent =
      run_command({"send", "x", "--json", "--agent", leader.address(), "--timeout", "300ms"});
  EXPECT_EQ(sent.code, 3) << "nothing was sent";

  server.start();
  ASSERT_TRUE(wait_for([&] { return group.leader() != nullptr; }, 10s));
  EXPECT_GE(token_of(*group.leader()), old_token);
  EXPECT_TRUE(group.wait_formed());
  for (agent* one : group.agents()) {
    for (const event& e : one->events()) {
      if (e.at < stopped || e.body["event"] != "view") continue;
      EXPECT_EQ(e.body["members"].size(), 3U);
    }
  }
}

TEST_F(postgres_group, ends_in_time_while_the_database_is_frozen) {
  cluster group{"1s", url(), same_clock};
  form(group, {"a", "b"});
  server.freeze();
  const auto told = steady_clock::now();
  for (agent* one : group.agents())
    one->itself().signal(SIGTERM);
  for (agent* one : group.agents())
    EXPECT_EQ(one->itself().wait_exit(8s), 0);
  EXPECT_LT(steady_clock::now() - told, 4s);
  server.thaw();
}

TEST_F(postgres_group, starts_before_its_database) {
  server.stop();
  cluster group{"1s", url(), same_clock};
  group.start("a");
  group.start("b");
  EXPECT_NE(group["a"].await("store", unavailable, 10s), nullptr);
  EXPECT_TRUE(group["a"].itself().running());
  server.start();
  EXPECT_TRUE(group.wait_formed());
}

TEST_F(postgres_group, works_behind_a_pooler_and_survives_its_restart) {
  pgbouncer bouncer{server};
  process_setup with;
  cluster group{"1s", bouncer.url("owner", "app"), same_clock};
  for (const char* name : {"a", "b"}) {
    process_setup setup = group.agent_setup(name);
    // The URL has a password, which the command line would show.
    std::erase(setup.arguments, "--store");
    std::erase(setup.arguments, group.store());
    setup.environment["HEDGEROW_STORE"] = group.store();
    group.start_with(name, setup);
  }
  ASSERT_TRUE(group.wait_formed());
  bouncer.restart();
  const std::size_t from = group["a"].count();
  EXPECT_TRUE(group.wait_formed());
  EXPECT_EQ(group["a"].first("evicted", agent::any, from), nullptr);
}

TEST_F(postgres_group, keeps_its_leader_through_a_failover_that_is_quicker_than_its_lease) {
  server.set("wal_retrieve_retry_interval", "'100ms'");  // else a promotion takes 5 s
  auto standby = server.standby();
  const std::string both = "postgres:///app?user=owner&host=" + server.folder().native() + "," +
                           standby->folder().native() + "&port=" + std::to_string(server.port()) +
                           "," + std::to_string(standby->port());
  cluster group{"4s", both, same_clock};
  group.start("a");
  group.start("b");
  ASSERT_TRUE(group.wait_formed(30s));
  agent& leader = *group.leader();
  const std::int64_t token = token_of(leader);
  const std::size_t from = leader.count();
  const std::string epoch = server.psql("SELECT epoch FROM hedgerow_lease");
  server.kill9();
  standby->promote();
  // The holder pins its row to the new timeline at once (F12), and goes on under its token.
  EXPECT_TRUE(
      wait_for([&] { return standby->psql("SELECT epoch FROM hedgerow_lease") != epoch; }, 6s));
  EXPECT_EQ(standby->psql("SELECT token FROM hedgerow_lease"), std::to_string(token) + "\n");
  EXPECT_EQ(leader.first("leadership", not_leading, from), nullptr);
  EXPECT_EQ(group.run({"send", "x", "--agent", leader.address()}).code, 0);
}

TEST_F(postgres_group, writes_once_a_renewal_and_nothing_else) {
  cluster group{"1s", url(), same_clock};
  form(group);
  const auto commits = [&] {
    server.psql("SELECT pg_stat_force_next_flush()");
    return std::stoll(server.psql("SELECT sum(n_tup_upd) FROM pg_stat_user_tables"));
  };
  // What was counted before may be told late: wait for a moment at which it moves on by one.
  const std::int64_t early = commits();
  ASSERT_TRUE(wait_for([&] { return commits() > early; }, 5s));
  const std::int64_t first = commits();
  const auto begin = steady_clock::now();
  ASSERT_TRUE(wait_for([&] { return commits() >= first + 16; }, 10s));
  const auto elapsed = steady_clock::now() - begin;
  EXPECT_GT(elapsed, 3200ms) << "16 renewals of a lease of 1 s take 4 s";
}

TEST_F(postgres_group, refuses_a_role_without_rights_in_one_line) {
  const outcome tried = run_command({"agent", "--name", "x", "--store", server.socket_url("app")});
  EXPECT_EQ(tried.code, 1);
  EXPECT_NE(tried.err.find("hedgerow store sql --role"), std::string::npos) << tried.err;
  EXPECT_EQ(std::count(tried.err.begin(), tried.err.end(), '\n'), 1) << tried.err;
  const outcome sql = run_command({"store", "sql", "--role", "app"});
  EXPECT_EQ(server.psql("SET ROLE owner;" + sql.out), "");
  cluster group{"500ms", server.socket_url("app"), same_clock};
  group.start("a");
  EXPECT_TRUE(group.wait_formed());
}

TEST_F(postgres_group, never_shows_a_password) {
  const std::string secret = "postgres://owner:s3cret@127.0.0.1:1/app";
  const outcome shown = run_command({"members", "--store", secret});
  EXPECT_EQ(shown.code, 2);
  EXPECT_NE(shown.err.find("PGPASSFILE"), std::string::npos) << shown.err;
  const outcome hidden =
      run_command({"members", "--timeout", "300ms"}, {}, {{"HEDGEROW_STORE", secret}});
  EXPECT_EQ(hidden.code, 3);
  for (const outcome* one : {&shown, &hidden})
    EXPECT_EQ(one->err.find("s3cret"), std::string::npos) << one->err;
}

}  // namespace
}  // namespace hedgerow::system_test
