#include "node/open_store.h"

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

std::string address_in(const std::string& url) {
  return database_address(store::parse_url(url).value());
}

TEST(database_address, is_the_first_host_of_a_url) {
  EXPECT_EQ(address_in("postgres://db.example/hedgerow"), "db.example:5432");
  EXPECT_EQ(address_in("postgresql://me:se%40cret@db:6432/x?sslmode=require"), "db:6432");
  EXPECT_EQ(address_in("postgres://a:1,b:2/x"), "a:1");
  EXPECT_EQ(address_in("postgres://[fd00::1]/x"), "[fd00::1]:5432");
  EXPECT_EQ(address_in("postgres://[fd00::1]:1/x"), "[fd00::1]:1");
  EXPECT_EQ(address_in("postgres://db/x?hostaddr=10.0.0.7"), "10.0.0.7:5432");
}

TEST(database_address, is_empty_off_the_network) {
  for (const char* url :
       {"hedgerow.db", "sqlite:///var/lib/hedgerow.db", "postgres:///x",
        "postgres://%2Frun%2Fpostgresql/x", "postgres://me@/x", "postgres://:5433/x?host=/run"})
    EXPECT_EQ(address_in(url), "") << url;
}

TEST(name_of, shows_no_secret) {
  EXPECT_EQ(name_of(store::parse_url("postgres://me:s3cret@db/x").value()), "postgres://me@db/x");
  EXPECT_EQ(name_of(store::parse_url("/a/b.db").value()), "/a/b.db");
}

}  // namespace
}  // namespace hedgerow
