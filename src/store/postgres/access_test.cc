// Who may use the store, and under which settings it is used.

#include <gtest/gtest.h>

#include "store/patience.h"
#include "store/postgres/postgres_connection.h"
#include "store/postgres/read_group.h"
#include "store/postgres/schema.h"
#include "tests/postgres/server.h"

namespace hedgerow::store::postgres {
namespace {

using postgres_test::postgres_server;

target to(const std::string& url) {
  auto parsed = parse(url);
  EXPECT_TRUE(parsed) << parsed.error().message();
  return std::move(*parsed);
}

error open_error(const std::string& url, std::vector<std::string>* warnings = nullptr) {
  postgres_connection db({to(url), "", [&](const std::string& text) {
                            if (warnings != nullptr) warnings->push_back(text);
                          }});
  const auto opened = db.ready(boot_now() + seconds(10));
  return opened ? error() : opened.error();
}

void expect_words(const error& why, errc code, const std::string& words) {
  EXPECT_EQ(why.code, code) << why.message();
  EXPECT_NE(why.message().find(words), std::string::npos) << why.message();
  EXPECT_EQ(why.message().find("secret"), std::string::npos) << why.message();
  EXPECT_EQ(why.message().find('\n'), std::string::npos) << why.message();
}

TEST(access, of_a_role_that_may_not_create_tables_needs_a_dba_once) {
  postgres_server server;
  expect_words(open_error(server.url("app")), errc::store_refused, "hedgerow store sql --role");
  const auto none = read_group(to(server.url("app")), "workers", seconds(5));
  ASSERT_FALSE(none);
  expect_words(none.error(), errc::store_unavailable, "no agent has run here yet");
  for (int again = 0; again < 2; ++again)
    ASSERT_EQ(server.psql("SET ROLE owner;" + setup_sql("app")), "");
  EXPECT_EQ(open_error(server.url("app")).message(), error().message());
  EXPECT_TRUE(read_group(to(server.url("app")), "workers", seconds(5)));
  server.psql("REVOKE UPDATE ON hedgerow_view FROM app");
  expect_words(open_error(server.url("app")), errc::store_refused, "hedgerow_view");
  server.psql("GRANT UPDATE ON hedgerow_view TO app; REVOKE INSERT ON hedgerow_timeline FROM app");
  expect_words(open_error(server.url("app")), errc::store_refused, "hedgerow_timeline");
  EXPECT_EQ(server.psql("SET ROLE app; DELETE FROM hedgerow_lease").find("error: 42501"), 0U)
      << "a deleted row could hide a live leader";
}

TEST(access, quotes_the_name_of_a_role) {
  EXPECT_NE(setup_sql("o\"brien; --").find("TO \"o\"\"brien; --\";"), std::string::npos);
  EXPECT_EQ(setup_sql("").find("GRANT"), std::string::npos);
}

TEST(access, is_refused_for_good_with_a_wrong_password_or_database) {
  postgres_server server;
  const std::string at = "@127.0.0.1:" + std::to_string(server.port());
  expect_words(open_error("postgres://owner:no-secret" + at + "/app"), errc::store_refused,
               "28P01");
  expect_words(open_error("postgres://owner" + at + "/app"), errc::store_refused, "PGPASSFILE");
  expect_words(open_error(server.url("owner", "nowhere")), errc::store_refused, "3D000");
  server.stop();
  expect_words(open_error(server.url("owner")), errc::store_unavailable, "refused");
}

TEST(access, is_refused_where_what_is_acknowledged_may_be_lost) {
  postgres_server server;
  server.psql("ALTER ROLE owner SET synchronous_commit = off");
  expect_words(open_error(server.url("owner")), errc::store_refused,
               "ALTER ROLE owner SET synchronous_commit = on");
  server.psql("ALTER ROLE owner RESET synchronous_commit");
  EXPECT_EQ(open_error(server.url("owner")).message(), error().message());
  server.psql("ALTER TABLE hedgerow_lock SET UNLOGGED");
  expect_words(open_error(server.url("owner")), errc::store_refused, "SET LOGGED");
  server.psql("ALTER TABLE hedgerow_lock SET LOGGED");
  server.set("fsync", "off");
  expect_words(open_error(server.url("owner")), errc::store_refused, "fsync is off");
}

TEST(access, warns_of_settings_that_may_hurt) {
  postgres_server server;
  server.set("full_page_writes", "off");
  std::vector<std::string> warnings;
  EXPECT_EQ(open_error(server.url("owner"), &warnings).message(), error().message());
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("full_page_writes"), std::string::npos);
}

TEST(access, is_refused_to_tables_of_another_version) {
  postgres_server server;
  ASSERT_EQ(open_error(server.url("owner")).message(), error().message());
  server.psql("UPDATE hedgerow_schema SET version = version + 1");
  expect_words(open_error(server.url("owner")), errc::not_supported, "upgrade this one");
  server.psql("UPDATE hedgerow_schema SET version = version - 2");
  expect_words(open_error(server.url("owner")), errc::not_supported, "stop all its agents");
}

TEST(access, waits_for_a_server_that_is_full) {
  postgres_server server;
  ASSERT_EQ(open_error(server.url("owner")).message(), error().message());
  server.psql("ALTER ROLE owner CONNECTION LIMIT 0");
  expect_words(open_error(server.url("owner")), errc::store_unavailable, "53300");
}

TEST(access, is_encrypted_where_the_url_says_so) {
  postgres_server server;
  const auto authority = server.enable_tls();
  postgres_connection db(
      {to(server.url("owner") + "?sslmode=verify-full&sslrootcert=" + authority.native()), "", {}});
  const auto opened = db.ready(boot_now() + seconds(10));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(server.psql("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                        " WHERE usename = 'owner'"),
            "t\n");
  expect_words(open_error(server.url("owner") + "?sslmode=verify-full&sslrootcert=/nowhere"),
               errc::store_refused, "sslrootcert");
}

}  // namespace
}  // namespace hedgerow::store::postgres
