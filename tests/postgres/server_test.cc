// The harness itself: a test that relies on it must not pass because it does nothing.

#include "tests/postgres/server.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/postgres/bouncer.h"
#include "tests/postgres/session.h"

namespace hedgerow::postgres_test {
namespace {

constexpr const char* timeline = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
constexpr milliseconds short_patience{300};

TEST(postgres_server, answers_by_tcp_and_socket) {
  postgres_server& server = postgres_server::shared();
  EXPECT_EQ(server.psql("SELECT 1, NULL, 'a' UNION ALL SELECT 2, 'x', 'b'"), "1|NULL|a\n2|x|b\n");
  session tcp{server.url()}, socket{server.socket_url("owner")};
  EXPECT_EQ(tcp.query("SELECT current_user, inet_server_port()"),
            "app|" + std::to_string(server.port()) + "\n");
  EXPECT_EQ(socket.query("SELECT current_user, inet_server_port()"), "owner|NULL\n");
}

TEST(postgres_server, roles_differ_in_what_they_may) {
  postgres_server& server = postgres_server::shared();
  EXPECT_TRUE(session{server.url("app")}.query("CREATE TABLE a ()").starts_with("error: 42501"));
  EXPECT_EQ(session{server.url("owner")}.query("CREATE TABLE a (); DROP TABLE a"), "");
}

TEST(postgres_server, tcp_needs_the_password) {
  postgres_server& server = postgres_server::shared();
  std::string url = server.url();
  url.replace(url.find("app-secret"), 10, "wrong");
  EXPECT_NE(session{url}.error().find("password authentication failed"), std::string::npos);
}

TEST(postgres_server, servers_live_side_by_side) {
  const postgres_server one, other;
  EXPECT_EQ(one.psql("CREATE TABLE a ()"), "");
  EXPECT_TRUE(other.psql("SELECT * FROM a").starts_with("error: 42P01"));
  const auto identifier = "SELECT system_identifier FROM pg_control_system()";
  EXPECT_EQ(one.psql(identifier), other.psql(identifier));
  const postgres_server stranger{{.own_identity = true}};
  EXPECT_NE(one.psql(identifier), stranger.psql(identifier));
}

TEST(postgres_server, keeps_port_and_data_over_a_restart) {
  postgres_server server;
  const std::string url = server.url("owner");
  EXPECT_EQ(session{url}.query("CREATE TABLE a (b int); INSERT INTO a VALUES (7)"), "");
  session before{url};
  server.restart();
  EXPECT_TRUE(before.query("SELECT 1").starts_with("error"));
  EXPECT_EQ(session{url}.query("SELECT * FROM a"), "7\n");
}

TEST(postgres_server, recovers_from_a_crash) {
  postgres_server server;
  EXPECT_EQ(server.psql("CREATE TABLE a AS SELECT 7"), "");
  session before{server.url()};
  server.kill9();
  EXPECT_TRUE(processes_in(server.folder()).empty());
  EXPECT_TRUE(before.query("SELECT 1").starts_with("error"));
  EXPECT_NE(session{server.url()}.error(), "");
  server.start();
  EXPECT_NE(server.log().find("automatic recovery in progress"), std::string::npos);
  EXPECT_EQ(server.psql("SELECT * FROM a"), "7\n");
}

TEST(postgres_server, a_frozen_one_lets_deadlines_pass) {
  postgres_server server;
  session held{server.url()};
  server.freeze();
  EXPECT_EQ(held.query("SELECT 1", short_patience), "error: timeout");
  EXPECT_EQ((session{server.url(), short_patience}.error()), "timeout");
  server.thaw();
  EXPECT_EQ(session{server.url()}.query("SELECT 2"), "2\n");
}

TEST(postgres_server, frozen_backends_leave_others_alone) {
  postgres_server server;
  session held{server.url()};
  server.freeze_backends();
  EXPECT_EQ(held.query("SELECT 1", short_patience), "error: timeout");
  EXPECT_EQ(session{server.url()}.query("SELECT 2"), "2\n");
}

TEST(postgres_server, terminates_sessions) {
  postgres_server server;
  session held{server.url()};
  server.terminate_backends();
  EXPECT_TRUE(held.query("SELECT 1").starts_with("error: 57P01"));
}

TEST(postgres_server, settings_hold_for_the_next_session) {
  postgres_server server;
  server.set("statement_timeout", "'123ms'");
  EXPECT_EQ(session{server.url()}.query("SHOW statement_timeout"), "123ms\n");
  EXPECT_THROW(server.set("no_such_setting", "1"), std::runtime_error);
  server.set_hba("local all postgres trust\nhost all all all reject");
  EXPECT_NE(session{server.url()}.error().find("pg_hba.conf rejects"), std::string::npos);
}

TEST(postgres_server, a_standby_follows_and_is_promoted) {
  postgres_server primary;
  const auto standby = primary.standby();
  EXPECT_EQ(primary.psql("CREATE TABLE a AS SELECT 7"), "");
  EXPECT_TRUE(
      wait_for([&] { return standby->psql("SELECT * FROM a") == "7\n"; }, milliseconds{20'000}));
  EXPECT_EQ(primary.psql("SELECT application_name, sync_state FROM pg_stat_replication"),
            "standby|async\n");
  EXPECT_TRUE(standby->psql("INSERT INTO a VALUES (8)").starts_with("error: 25006"));
  EXPECT_EQ(primary.psql(timeline), "00000001\n");
  standby->promote();
  EXPECT_EQ(standby->psql(timeline), "00000002\n");
  EXPECT_EQ(standby->psql("INSERT INTO a VALUES (8); SELECT count(*) FROM a"), "2\n");
}

TEST(postgres_server, speaks_tls) {
  postgres_server server;
  const std::string verified = "?sslmode=verify-full&sslrootcert=";
  EXPECT_NE(session{server.url() + "?sslmode=require"}.error(), "");
  const std::string ca = server.enable_tls();
  session by_address{server.url() + verified + ca};
  EXPECT_EQ(by_address.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t\n");
  const std::string other_ca = postgres_server{}.enable_tls();
  EXPECT_NE(session{server.url() + verified + other_ca}.error(), "");
}

TEST(postgres_server, nothing_is_left_of_a_killed_test) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t test = fork();
  if (test == 0) {
    close(ends[0]);
    postgres_server server;
    server.freeze();
    const std::string folder = server.folder();
    if (write(ends[1], folder.data(), folder.size()) < 0) _exit(1);
    raise(SIGKILL);
  }
  close(ends[1]);
  std::string folder(200, '\0');
  const ssize_t size = read(ends[0], folder.data(), folder.size());
  close(ends[0]);
  ASSERT_EQ(waitpid(test, nullptr, 0), test);
  ASSERT_GT(size, 0);
  folder.resize(static_cast<std::size_t>(size));
  EXPECT_TRUE(
      wait_for([&] { return !std::filesystem::exists(folder) && processes_in(folder).empty(); },
               milliseconds{30'000}));
}

TEST(pgbouncer, forwards_statements) {
  postgres_server& server = postgres_server::shared();
  const pgbouncer front{server, {.pool_size = 1}};
  session one{front.url()}, other{front.url()};
  const std::string pid = "SELECT pg_backend_pid()";
  EXPECT_EQ(one.query(pid), other.query(pid));  // one backend for both, between transactions
  EXPECT_EQ(one.query("BEGIN"), "");
  EXPECT_EQ(other.query("SELECT 1", short_patience), "error: timeout");
}

TEST(pgbouncer, asks_for_passwords_or_trusts) {
  postgres_server& server = postgres_server::shared();
  const pgbouncer strict{server}, trusting{server, {.passwords = false}};
  const auto wrong = [](std::string url) { return url.replace(url.find("app-secret"), 10, "x"); };
  EXPECT_NE(session{wrong(strict.url())}.error(), "");
  EXPECT_EQ(session{wrong(trusting.url())}.query("SELECT 1"), "1\n");
}

TEST(pgbouncer, restarts_dies_and_freezes) {
  postgres_server& server = postgres_server::shared();
  pgbouncer front{server};
  session before{front.url()};
  front.restart();
  EXPECT_TRUE(before.query("SELECT 1").starts_with("error"));
  session held{front.url()};
  EXPECT_EQ(held.query("SELECT 1"), "1\n");
  front.freeze();
  EXPECT_EQ(held.query("SELECT 2", short_patience), "error: timeout");
  front.thaw();
  front.kill9();
  EXPECT_NE(session{front.url()}.error(), "");
  front.start();
  EXPECT_EQ(session{front.url()}.query("SELECT 3"), "3\n");
}

TEST(pgbouncer, serves_again_once_the_server_is_back) {
  postgres_server server;
  const pgbouncer front{server};
  EXPECT_EQ(session{front.url()}.query("SELECT 1"), "1\n");
  server.restart();
  EXPECT_TRUE(wait_for([&] { return session{front.url()}.query("SELECT 2") == "2\n"; },
                       milliseconds{20'000}));
}

}  // namespace
}  // namespace hedgerow::postgres_test
