#include "store/postgres/url.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace hedgerow::store::postgres {
namespace {

std::string value(const target& of, std::string_view key) {
  const std::string* found = of.find(key);
  return found == nullptr ? "(none)" : *found;
}

TEST(url, names_servers_in_their_order) {
  const auto to = parse("postgres://ann@a,b:6000,[::1]:7000/db");
  ASSERT_TRUE(to) << to.error().message();
  EXPECT_EQ(to->servers,
            (std::vector<server>{{"a", "", ""}, {"b", "", "6000"}, {"::1", "", "7000"}}));
  EXPECT_EQ(to->name, "postgres://ann@a,b:6000,::1:7000/db");
  const auto one_port = parse("postgresql://a,b/db?port=6001");
  ASSERT_TRUE(one_port) << one_port.error().message();
  EXPECT_EQ(one_port->servers, (std::vector<server>{{"a", "", "6001"}, {"b", "", "6001"}}));
  EXPECT_EQ(parse("postgres:///db?host=/run/pg").value().servers,
            (std::vector<server>{{"/run/pg", "", ""}}));
  EXPECT_EQ(parse("postgres:///").value().servers.size(), 1U) << "libpq's default";
}

TEST(url, shows_no_secret) {
  const auto to = parse("postgres://ann:s3cret@a/db?sslpassword=other");
  ASSERT_TRUE(to);
  EXPECT_TRUE(to->has_password);
  EXPECT_EQ(to->name, "postgres://ann@a/db");
  EXPECT_FALSE(parse("postgres://ann@a/db").value().has_password);
  for (const char* bad : {"postgres://ann:s3cret@[::1/db", "postgres://ann:s3cret@a/db?nonsense=1",
                          "postgres://ann:s3cret@a,b/db?port=1,2,3",
                          "postgres://ann:s3cret@a/db?target_session_attrs=any",
                          "postgres://ann:s3cret@a,b/db?hostaddr=127.0.0.1", "postgres://%zz"}) {
    const auto refused = parse(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, errc::invalid_argument);
    EXPECT_EQ(refused.error().message().find("s3cret"), std::string::npos)
        << refused.error().message();
  }
}

TEST(url, asks_for_encryption_beyond_this_machine) {
  unsetenv("PGSSLMODE");
  EXPECT_EQ(value(parse("postgres://db.example/x").value(), "sslmode"), "require");
  EXPECT_EQ(value(parse("postgres://localhost,db.example/x").value(), "sslmode"), "require");
  for (const char* local : {"postgres://localhost/x", "postgres://127.0.0.1:6000/x",
                            "postgres://[::1]/x", "postgres:///x?host=/run/pg", "postgres:///x"}) {
    EXPECT_EQ(value(parse(local).value(), "sslmode"), "(none)") << local;
  }
  const auto clear = parse("postgres://db.example/x?sslmode=disable").value();
  EXPECT_EQ(value(clear, "sslmode"), "disable");
  EXPECT_TRUE(clear.clear_text);
  EXPECT_FALSE(parse("postgres://db.example/x?sslmode=prefer").value().clear_text)
      << "prefer is no wish for clear text";
  setenv("PGSSLMODE", "verify-full", 1);
  EXPECT_EQ(value(parse("postgres://db.example/x").value(), "sslmode"), "(none)")
      << "libpq's own default of then";
  unsetenv("PGSSLMODE");
}

TEST(url, wants_a_server_that_can_be_written) {
  EXPECT_EQ(value(parse("postgres://a/x").value(), "target_session_attrs"), "read-write");
  EXPECT_EQ(
      value(parse("postgres://a/x?target_session_attrs=primary").value(), "target_session_attrs"),
      "primary");
}

TEST(url, knows_loopback) {
  for (const char* here : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(here)) << here;
  for (const char* elsewhere : {"10.0.0.1", "::2", "::ffff:10.0.0.1", "localhost", ""})
    EXPECT_FALSE(is_loopback(elsewhere)) << elsewhere;
}

}  // namespace
}  // namespace hedgerow::store::postgres
