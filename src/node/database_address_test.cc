#include "node/database_address.h"

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

TEST(database_address, is_the_first_host_of_a_url) {
  EXPECT_EQ(database_address("postgres://db.example/hedgerow"), "db.example:5432");
  EXPECT_EQ(database_address("postgresql://me:se@cret@db:6432/x?sslmode=require"), "db:6432");
  EXPECT_EQ(database_address("postgres://a:1,b:2/x"), "a:1");
  EXPECT_EQ(database_address("postgres://[fd00::1]/x"), "[fd00::1]:5432");
  EXPECT_EQ(database_address("postgres://[fd00::1]:1/x"), "[fd00::1]:1");
}

TEST(database_address, is_empty_off_the_network) {
  for (const char* url :
       {"", "hedgerow.db", "sqlite:///var/lib/hedgerow.db", "postgres:///x",
        "postgres://%2Frun%2Fpostgresql/x", "postgres://me@/x", "postgres://:5433/x?host=/run"})
    EXPECT_EQ(database_address(url), "") << url;
}

}  // namespace
}  // namespace hedgerow
