// Rows and tables that are taken away under a live holder. lease.md 9, items 12 and 16; R5, R8, R9.
// What somebody writes into a row by hand is not covered, and the documents say so.

#include <functional>

#include <gtest/gtest.h>

#include "store/patience.h"
#include "store/postgres/schema.h"
#include "tests/databases/candidate.h"
#include "tests/databases/row.h"
#include "tests/postgres/cluster_template.h"
#include "tests/postgres/program.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::postgres_server;
using postgres_test::wait_for;
using store::boot_now;

constexpr microseconds lease_length{600'000};
constexpr microseconds bound{5'000};
constexpr milliseconds patience{15'000};

candidate_setup on(const postgres_server& server, int who, microseconds skew) {
  return {.url = server.socket_url("owner"),
          .who = who,
          .lease = lease_length,
          .skew = skew,
          .bound = bound};
}

// The holder's clock is fast, so that its token is high, and the newcomer's slow, who never heard
// of that token: the worst that clocks may do to the order of tokens.
void expect_safe(postgres_server& server, candidate& holder, acts& record,
                 const std::function<void()>& harm) {
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  harm();
  const boot_time harmed = boot_now();
  candidate newcomer(on(server, 2, -bound), record);
  ASSERT_TRUE(wait_for([&] { return record.greatest() > token; }, patience)) << "somebody leads";
  // A holder that had not looked yet acts to its end, and whoever comes waits for that.
  EXPECT_GE(record.first_of(record.greatest()) - harmed, nanoseconds{lease_length});
  EXPECT_LE(record.first_of(record.greatest()) - harmed,
            2 * nanoseconds{lease_length} + seconds(1));
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

TEST(harm, a_row_that_is_deleted_under_its_holder_makes_no_second_one) {
  postgres_server server;
  acts record;
  candidate holder(on(server, 1, bound), record);
  expect_safe(server, holder, record, [&] { server.psql("DELETE FROM hedgerow_lock"); });
}

TEST(harm, a_table_that_is_truncated_under_its_holder_makes_no_second_one) {
  postgres_server server;
  acts record;
  candidate holder(on(server, 1, bound), record);
  expect_safe(server, holder, record, [&] { server.psql("TRUNCATE hedgerow_lock"); });
}

TEST(harm, a_table_that_is_made_anew_under_its_holder_makes_no_second_one) {
  postgres_server server;
  acts record;
  candidate holder(on(server, 1, bound), record);
  expect_safe(server, holder, record, [&] {
    server.psql("DROP TABLE hedgerow_lock; SET ROLE owner;" + store::postgres::setup_sql(""));
  });
}

// Runs a program of the database's on the server's database; its stdout is the file.
void run_on(const postgres_server& server, const std::string& program,
            std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {postgres_test::server_program(program),
                                       "--dbname=" + server.socket_url("postgres")});
  postgres_test::run({.arguments = std::move(arguments),
                      .folder = server.folder(),
                      .log = server.folder() / "restore.log"});
}

TEST(harm, a_table_that_is_restored_from_an_older_dump_makes_no_second_holder) {
  postgres_server server;
  acts record;
  const std::string dump = (server.folder() / "older.sql").native();
  auto before = std::make_unique<candidate>(on(server, 3, {}), record);
  ASSERT_TRUE(before->wait_acts());
  const fencing_token older = before->token();
  run_on(server, "pg_dump", {"--table=hedgerow_lock", "--file=" + dump});
  before->want(false);
  ASSERT_TRUE(wait_for([&] { return row_of(server).released; }, patience));
  before.reset();
  candidate holder(on(server, 1, bound), record);
  ASSERT_TRUE(holder.wait_acts());
  ASSERT_GT(holder.token(), older);
  expect_safe(server, holder, record, [&] {
    server.psql("DROP TABLE hedgerow_lock");
    run_on(server, "psql", {"--quiet", "--file=" + dump});
    EXPECT_EQ(row_of(server).token, older) << "as of then";
  });
}

// The same tenure is in the dump: its holder may go on, if it looks in time (F12).
TEST(harm, a_table_that_is_restored_at_once_may_keep_its_holder) {
  postgres_server server;
  acts record;
  auto setup = on(server, 1, bound);
  setup.lease = seconds(2);
  candidate holder(setup, record);
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  const std::string dump = (server.folder() / "newest.sql").native();
  run_on(server, "pg_dump", {"--table=hedgerow_lock", "--file=" + dump});
  const std::string epoch = server.psql("SELECT epoch FROM hedgerow_lock");
  server.psql("DROP TABLE hedgerow_lock");
  run_on(server, "psql", {"--quiet", "--file=" + dump});
  EXPECT_TRUE(wait_for([&] { return server.psql("SELECT epoch FROM hedgerow_lock") != epoch; },
                       milliseconds(2000)));
  EXPECT_EQ(holder.token(), token);
  EXPECT_EQ(record.tokens(), 1U);
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

}  // namespace
}  // namespace hedgerow::databases_test
