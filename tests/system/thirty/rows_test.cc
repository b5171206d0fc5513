// Items 12 and 16 of the thirty (docs/guarantees.md): what becomes of leaders when somebody
// deletes, replaces or restores their rows, or a standby that lags is promoted.

#include <csignal>

#include <gtest/gtest.h>

#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"
#include "tests/system/harness/store_connection.h"
#include "tests/system/harness/tenures.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::postgres_server;

constexpr auto lease = 500ms;
const std::string lease_text = "500ms";

std::int64_t newest_token(cluster& group) {
  std::int64_t token = 0;
  for (const tenure& one : tenures(group))
    token = std::max(token, one.token);
  return token;
}

// Does it, and waits until somebody leads under a new token and all are together. Returns for how
// long nobody had begun to lead.
milliseconds after(cluster& group, const std::function<void()>& damage) {
  const std::int64_t old = newest_token(group);
  damage();
  const auto damaged = steady_clock::now();
  const event* leads = nullptr;
  const auto again = [&] {
    for (agent* one : group.agents()) {
      if (leads == nullptr)
        leads = one->first("leadership", [&](const json& l) {
          return l["leading"].get<bool>() && l["token"].get<std::int64_t>() > old;
        });
    }
    return leads != nullptr;
  };
  if (!wait_for(again, 15s)) {
    ADD_FAILURE() << "nobody leads";
    return milliseconds::max();
  }
  const auto alone = std::chrono::duration_cast<milliseconds>(leads->at - damaged);
  EXPECT_TRUE(group.wait_formed());
  return alone;
}

void start_three(cluster& group) {
  for (const char* name : {"a", "b", "c"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
}

// The row that is gone may have been of a live lease: nobody leads for as long as one lasts.
TEST(thirty, item_16_rows_of_a_file_that_go_under_their_leader) {
  cluster group{lease_text};
  start_three(group);
  store_connection own{group.store()};
  const std::string copy = group.folder() / "copy.db";
  ASSERT_TRUE(own.run(("VACUUM INTO '" + copy + "'").c_str()));
  EXPECT_GE(after(group, [&] { ASSERT_TRUE(own.run("DELETE FROM hedgerow_lease")); }), lease);
  EXPECT_GE(after(group, [&] { ASSERT_TRUE(own.run("DROP TABLE hedgerow_lease")); }), lease);
  EXPECT_GE(after(group,
                  [&] {
                    ASSERT_TRUE(
                        own.run("DROP TABLE hedgerow_lease; DROP TABLE hedgerow_lock;"
                                "DROP TABLE hedgerow_view; DROP TABLE hedgerow_schema;"
                                "DROP VIEW hedgerow_members"));
                  }),
            lease);
  // Without the table of the views the lease is still there: its holder writes the new epoch into
  // its row (F12), goes on, and takes in a newcomer.
  const std::int64_t token = newest_token(group);
  const std::string epoch = own.text("SELECT epoch FROM hedgerow_lease");
  ASSERT_TRUE(own.run("DROP TABLE hedgerow_view"));
  EXPECT_TRUE(wait_for([&] { return own.text("SELECT epoch FROM hedgerow_lease") != epoch; }, 15s));
  group.start("d");
  EXPECT_TRUE(group.wait_formed());
  EXPECT_EQ(newest_token(group), token);
  // Another file, with what was in this one long ago: its lease is over, and yet nobody hurries.
  EXPECT_GE(after(group, [&] { std::filesystem::rename(copy, group.store()); }), lease);
  EXPECT_GE(expect_one_after_the_other(group).size(), 5U);
}

TEST(thirty, item_16_rows_of_a_database_that_go_under_their_leader) {
  postgres_server server;
  cluster group{lease_text, server.socket_url("owner"), same_clock};
  start_three(group);
  const std::string tables = "SET ROLE owner;" + run_command({"store", "sql"}).out;
  for (const std::string& sql :
       {std::string("DELETE FROM hedgerow_lease"), std::string("TRUNCATE hedgerow_lease"),
        "DROP TABLE hedgerow_lease;" + tables}) {
    EXPECT_GE(after(group, [&] { ASSERT_EQ(server.psql(sql), "") << sql; }), lease) << sql;
  }
  EXPECT_GE(expect_one_after_the_other(group).size(), 4U);
}

TEST(thirty, item_12_tokens_grow_over_restarts_deletions_and_restored_tables) {
  postgres_server server;
  cluster group{lease_text, server.socket_url("owner"), same_clock};
  start_three(group);
  server.psql("CREATE TABLE backup AS SELECT * FROM hedgerow_lease");
  after(group, [&] {
    for (const char* name : {"a", "b", "c"})
      group.kill(name);
    for (const char* name : {"a", "b", "c"})
      group.start(name);
  });
  after(group, [&] { server.psql("DELETE FROM hedgerow_lease"); });
  // As from a dump: a table of the same name with what was in it long ago.
  after(group, [&] {
    server.psql(
        "BEGIN; ALTER TABLE hedgerow_lease RENAME TO replaced;"
        "CREATE TABLE hedgerow_lease (LIKE replaced INCLUDING ALL);"
        "ALTER TABLE hedgerow_lease OWNER TO owner;"
        "INSERT INTO hedgerow_lease SELECT * FROM backup; COMMIT");
  });
  EXPECT_GE(expect_one_after_the_other(group).size(), 4U);
}

TEST(thirty, item_12_tokens_grow_over_the_promotion_of_a_standby_that_lags) {
  postgres_server server;
  auto standby = server.standby();
  const std::string both = "postgres:///app?user=owner&host=" + server.folder().native() + "," +
                           standby->folder().native() + "&port=" + std::to_string(server.port()) +
                           "," + std::to_string(standby->port());
  cluster group{lease_text, both, same_clock};
  start_three(group);
  const auto standby_token = [&] { return standby->psql("SELECT token FROM hedgerow_lease"); };
  const std::string early = server.psql("SELECT token FROM hedgerow_lease");
  ASSERT_TRUE(wait_for([&] { return standby_token() == early; }, 10s));
  standby->set("primary_conninfo", "''");
  ASSERT_TRUE(wait_for(
      [&] { return standby->psql("SELECT count(*) FROM pg_stat_wal_receiver") == "0\n"; }, 10s));
  // Two tenures that the standby never hears of.
  for (int i = 0; i < 2; ++i) {
    const std::string old = group.leader()->name();
    after(group, [&] {
      group.kill(old);
      group.start(old);
    });
  }
  ASSERT_EQ(standby_token(), early);
  EXPECT_GE(after(group,
                  [&] {
                    server.kill9();
                    standby->promote();
                  }),
            milliseconds{0});
  EXPECT_GE(expect_one_after_the_other(group).size(), 4U);
}

}  // namespace
}  // namespace hedgerow::system_test
