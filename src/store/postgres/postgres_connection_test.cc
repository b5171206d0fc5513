#include "store/postgres/postgres_connection.h"

#include <fstream>
#include <thread>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "store/patience.h"
#include "store/postgres/read_group.h"
#include "store/postgres/schema.h"
#include "tests/postgres/bouncer.h"
#include "tests/postgres/cluster_template.h"
#include "tests/postgres/program.h"
#include "tests/postgres/proxy.h"
#include "tests/postgres/server.h"
#include "tests/postgres/session.h"

namespace hedgerow::store::postgres {
namespace {

using ports::lease_action;
using ports::lease_reply;
using ports::lease_request;
using ports::store_outcome;
using postgres_test::pgbouncer;
using postgres_test::postgres_proxy;
using postgres_test::postgres_server;

const row_key workers{row_kind::group, "workers"};

postgres_connection::options to(const std::string& url) {
  auto parsed = parse(url);
  EXPECT_TRUE(parsed) << parsed.error().message();
  return {std::move(*parsed), "", {}};
}

boot_time in(milliseconds patience) {
  return boot_now() + patience;
}

lease_request lease(lease_action action, const std::string& epoch) {
  lease_request request{.action = action};
  request.row.holder = "alice";
  request.row.incarnation = {1, 2};
  request.row.token = 100;
  request.row.expires = {1000};
  request.row.epoch = epoch;
  request.row.scale = "utc";
  return request;
}

// A connection with a lease of alice's, and the epoch of its store.
struct holder {
  explicit holder(const std::string& url) : db(to(url)) {
    epoch = execute({}).epoch;
    EXPECT_TRUE(execute(lease(lease_action::create, epoch)).applied);
  }
  lease_reply execute(const lease_request& request, milliseconds patience = seconds(10)) {
    return db.execute(workers, request, in(patience));
  }
  lease_reply renew(std::int64_t expires, milliseconds patience = seconds(10)) {
    auto request = lease(lease_action::renew, epoch);
    request.row.expires = {expires};
    return execute(request, patience);
  }

  postgres_connection db;
  std::string epoch;
};

// Waits for the server's own words.
bool soon(const std::function<bool()>& holds) {
  return postgres_test::wait_for(holds, std::chrono::seconds(10));
}

TEST(postgres_connection, answers_in_time_when_the_server_is_frozen) {
  postgres_server server;
  holder alice(server.url("owner"));
  server.freeze();
  const boot_time before = boot_now();
  const auto reply = alice.renew(2000, milliseconds(300));
  EXPECT_EQ(reply.outcome, store_outcome::unknown) << "it may be executed later";
  EXPECT_NE(reply.error.find("does not answer in time"), std::string::npos) << reply.error;
  const auto next = alice.renew(2000, milliseconds(300));
  EXPECT_EQ(next.outcome, store_outcome::failed) << "nothing was sent";
  EXPECT_LT(boot_now() - before, seconds(2));
  server.thaw();
  EXPECT_TRUE(soon([&] { return alice.renew(3000).applied; }));
}

TEST(postgres_connection, does_not_know_what_became_of_a_statement_whose_backend_dies) {
  postgres_server server;
  holder alice(server.url("owner"));
  postgres_test::session other(server.socket_url());
  ASSERT_EQ(other.query("BEGIN; UPDATE hedgerow_lease SET holder = holder"), "");
  lease_reply reply;
  std::thread waiting([&] { reply = alice.renew(2000); });
  EXPECT_TRUE(soon([&] {
    return server.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") ==
           "1\n";
  }));
  server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'owner'");
  waiting.join();
  EXPECT_EQ(reply.outcome, store_outcome::unknown);
  EXPECT_NE(reply.error.find("57P01"), std::string::npos) << reply.error;
  ASSERT_EQ(other.query("ROLLBACK"), "");
  EXPECT_TRUE(alice.renew(3000).applied) << "and the next one finds a new connection";
}

TEST(postgres_connection, notices_before_it_sends_that_the_server_has_hung_up) {
  postgres_server server;
  holder alice(server.url("owner"));
  server.restart();
  EXPECT_TRUE(soon([&] {
    const auto reply = alice.renew(2000);
    EXPECT_NE(reply.outcome, store_outcome::unknown);
    return reply.applied;
  }));
}

TEST(postgres_connection,
     waits_for_a_row_lock_no_longer_than_it_may_and_what_comes_late_is_harmless) {
  postgres_server server;
  holder alice(server.url("owner"));
  postgres_test::session other(server.socket_url());
  ASSERT_EQ(other.query("BEGIN; UPDATE hedgerow_lease SET holder = holder"), "");
  EXPECT_EQ(alice.renew(2000, milliseconds(200)).outcome, store_outcome::unknown);
  ASSERT_EQ(other.query("COMMIT"), "");
  EXPECT_EQ(alice.renew(3000).row.value_or(ports::lease_row{}).expires, instant{3000});
  EXPECT_TRUE(soon([&] {
    return server.psql(
               "SELECT count(*) FROM pg_stat_activity WHERE usename = 'owner' AND"
               " state = 'active'") == "0\n";
  }));
  EXPECT_EQ(alice.execute({}).row.value_or(ports::lease_row{}).expires, instant{3000});
}

TEST(postgres_connection, works_at_every_isolation_level) {
  postgres_server server;
  for (const char* level : {"read committed", "repeatable read", "serializable"}) {
    server.psql("ALTER ROLE owner SET default_transaction_isolation = '" + std::string(level) +
                "'; DROP TABLE IF EXISTS hedgerow_lease CASCADE; DROP TABLE IF EXISTS"
                " hedgerow_schema");
    holder alice(server.url("owner"));
    // Eight renew at once, fifty times: each renewal is executed, none goes back.
    std::vector<std::thread> threads;
    std::atomic<int> applied{0};
    for (std::int64_t i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        postgres_connection db(to(server.url("owner")));
        for (std::int64_t n = 0; n < 50; ++n) {
          auto request = lease(lease_action::renew, alice.epoch);
          request.row.expires = {2000 + n * 8 + i};
          const auto reply = db.execute(workers, request, in(seconds(20)));
          EXPECT_EQ(reply.outcome, store_outcome::done) << level << ": " << reply.error;
          applied += reply.applied ? 1 : 0;
          EXPECT_GE(reply.row->expires, request.row.expires);
        }
      });
    }
    for (auto& thread : threads)
      thread.join();
    EXPECT_EQ(applied, 400) << level;
    EXPECT_EQ(alice.execute({}).row->expires, instant{2000 + 399}) << level;
  }
}

TEST(postgres_connection, works_behind_a_pooler_that_mixes_transactions) {
  postgres_server server;
  pgbouncer bouncer(server);
  holder alice(bouncer.url("owner", "app"));
  for (std::int64_t n = 1; n <= 20; ++n)
    EXPECT_TRUE(alice.renew(1000 + n).applied);
  bouncer.restart();
  EXPECT_TRUE(soon([&] { return alice.renew(3000).applied; }));
  session direct(to(server.url("owner")).to);
  session pooled(to(bouncer.url("owner", "app")).to);
  ASSERT_TRUE(direct.connect(in(seconds(10))));
  ASSERT_TRUE(pooled.connect(in(seconds(10))));
  EXPECT_FALSE(direct.pooled(in(seconds(10))).value());
  EXPECT_TRUE(pooled.pooled(in(seconds(10))).value());
}

TEST(postgres_connection, sees_another_epoch_after_a_promotion_and_finds_the_primary) {
  postgres_server first;
  auto second = first.standby();
  const std::string both = "postgres://owner:" + postgres_server::password("owner") +
                           "@127.0.0.1:" + std::to_string(second->port()) +
                           ",127.0.0.1:" + std::to_string(first.port()) + "/app";
  holder alice(both);
  EXPECT_TRUE(alice.renew(2000).applied) << "the first server named is a standby";
  EXPECT_TRUE(soon([&] {
    return second->psql("SELECT count(*) FROM hedgerow_lease WHERE expires_us = 2000") == "1\n";
  }));
  first.kill9();
  second->promote();
  lease_reply reply;
  EXPECT_TRUE(soon([&] {
    reply = alice.renew(3000);
    return reply.outcome == store_outcome::done;
  })) << reply.error;
  EXPECT_FALSE(reply.applied) << "a renewal is pinned to its epoch";
  EXPECT_NE(reply.epoch, alice.epoch);
  EXPECT_EQ(reply.row->epoch, alice.epoch);
  auto repin = lease(lease_action::repin, reply.epoch);
  repin.row.version = 2;
  EXPECT_TRUE(alice.execute(repin).applied);
}

TEST(postgres_connection, leaves_a_server_that_became_read_only) {
  postgres_server first;
  postgres_server second;
  const std::string both = "postgres://owner:" + postgres_server::password("owner") +
                           "@127.0.0.1:" + std::to_string(first.port()) +
                           ",127.0.0.1:" + std::to_string(second.port()) + "/app";
  holder alice(both);
  // The socket stays open, as when Aurora flips roles.
  first.psql("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()");
  first.set("default_transaction_read_only", "on");
  lease_reply reply;
  EXPECT_TRUE(soon([&] {
    reply = alice.execute(lease(lease_action::release, alice.epoch));
    return reply.outcome == store_outcome::done && !reply.row;
  })) << reply.error;
}

// The pooler tells new clients what its server said of itself when it was a primary.
TEST(postgres_connection, leaves_a_pooler_whose_server_became_read_only) {
  postgres_server first;
  postgres_server second;
  pgbouncer bouncer(first);
  const std::string both = "postgres://owner:" + postgres_server::password("owner") +
                           "@127.0.0.1:" + std::to_string(bouncer.port()) +
                           ",127.0.0.1:" + std::to_string(second.port()) + "/app";
  holder alice(both);
  first.set("default_transaction_read_only", "on");
  lease_reply reply;
  EXPECT_TRUE(soon([&] {
    reply = alice.execute(lease(lease_action::release, alice.epoch));
    return reply.outcome == store_outcome::done && !reply.row;
  })) << reply.error;
}

TEST(postgres_connection, sees_another_epoch_when_the_table_is_another) {
  postgres_server server;
  holder alice(server.url("owner"));
  server.psql(
      "CREATE TABLE copy (LIKE hedgerow_lease INCLUDING ALL);"
      "INSERT INTO copy SELECT * FROM hedgerow_lease;"
      "DROP TABLE hedgerow_lease; ALTER TABLE copy RENAME TO hedgerow_lease;"
      "ALTER TABLE hedgerow_lease OWNER TO owner");
  const auto reply = alice.renew(2000);
  EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
  EXPECT_FALSE(reply.applied);
  EXPECT_NE(reply.epoch, alice.epoch);
  EXPECT_EQ(reply.row->epoch, alice.epoch);
}

// A file-level copy: its tables have the oids of the original's.
TEST(postgres_connection, sees_another_epoch_when_the_database_was_made_from_a_template) {
  postgres_server server;
  holder alice(server.url("owner"));
  alice.db.close();
  server.psql("CREATE DATABASE kept TEMPLATE app OWNER owner", "postgres");
  server.psql("DROP DATABASE app WITH (FORCE)", "postgres");
  server.psql("ALTER DATABASE kept RENAME TO app", "postgres");
  const auto reply = alice.renew(2000);
  EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
  EXPECT_FALSE(reply.applied);
  EXPECT_NE(reply.epoch, alice.epoch);
  EXPECT_EQ(reply.row->epoch, alice.epoch);
}

TEST(postgres_connection, gives_a_timeline_one_nonce) {
  postgres_server server;
  ASSERT_TRUE(postgres_connection(to(server.url("owner"))).ready(in(seconds(10))));
  std::vector<std::string> epochs(8);
  std::vector<std::thread> threads;
  for (std::string& epoch : epochs) {
    threads.emplace_back([&] {
      postgres_connection db(to(server.url("owner")));
      epoch = db.execute(workers, lease_request{}, in(seconds(20))).epoch;
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_NE(epochs[0], "");
  EXPECT_EQ(epochs, std::vector<std::string>(8, epochs[0]));
  EXPECT_EQ(server.psql("SELECT timeline, length(nonce) FROM hedgerow_timeline"), "00000001|32\n");
}

TEST(postgres_connection, writes_nothing_on_a_timeline_without_a_nonce) {
  postgres_server server;
  holder alice(server.url("owner"));
  ASSERT_TRUE(alice.renew(2000).applied);
  server.psql("DELETE FROM hedgerow_timeline");
  const auto reply = alice.renew(3000);
  EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
  EXPECT_FALSE(reply.applied);
  EXPECT_EQ(reply.row->expires, instant{2000});
  EXPECT_NE(reply.epoch, "");
  EXPECT_NE(reply.epoch, alice.epoch);
  // What asks for no certain epoch is executed when there is one.
  server.psql("DELETE FROM hedgerow_timeline");
  ports::view_request claim{.action = ports::view_action::claim};
  claim.row.id.token = 7;
  EXPECT_TRUE(alice.db.execute(workers, claim, in(seconds(10))).applied);
  server.psql("DELETE FROM hedgerow_timeline");
  EXPECT_TRUE(alice.execute(lease(lease_action::release, "")).applied);
}

TEST(postgres_connection, executes_nothing_when_it_cannot_give_a_nonce) {
  postgres_server server;
  holder alice(server.url("owner"));
  server.psql("DELETE FROM hedgerow_timeline; ALTER TABLE hedgerow_timeline ADD CHECK (FALSE)");
  const auto reply = alice.renew(3000);
  EXPECT_EQ(reply.outcome, store_outcome::failed);
  EXPECT_NE(reply.error.find("hedgerow_timeline"), std::string::npos) << reply.error;
  EXPECT_EQ(server.psql("SELECT expires_us FROM hedgerow_lease"), "1000\n");
}

TEST(postgres_connection, sees_a_copy_of_the_cluster_as_another_store) {
  postgres_server first({.own_identity = true});
  postgres_server second({.own_identity = true});
  EXPECT_NE(holder(first.url("owner")).epoch, holder(second.url("owner")).epoch);
}

TEST(postgres_connection, gives_each_address_its_share_of_the_time) {
  postgres_server frozen;
  postgres_server live;
  frozen.freeze();
  const std::string both = "postgres://owner:" + postgres_server::password("owner") +
                           "@127.0.0.1:" + std::to_string(frozen.port()) +
                           ",127.0.0.1:" + std::to_string(live.port()) + "/app";
  postgres_connection db(to(both));
  const auto connected = db.ready(in(milliseconds(1500)));
  EXPECT_TRUE(connected) << connected.error().message();
}

// One statement fits into its patience, a connect with all of its checks does not.
TEST(postgres_connection, reaches_a_server_in_the_end_that_is_far_away) {
  postgres_server server;
  holder alice(server.url("owner"));
  postgres_proxy far(server);
  far.decide([](const auto&) { return postgres_test::ruling{.after = milliseconds(100)}; });
  postgres_connection db(to(far.url("owner")));
  lease_reply reply;
  EXPECT_TRUE(soon([&] {
    reply = db.execute(workers, lease_request{}, in(milliseconds(200)));
    return reply.outcome == store_outcome::done;
  })) << reply.error;
}

// Whose kernel has taken the connection, and who says nothing in its share of the time.
TEST(postgres_connection, gives_a_slow_server_more_time_also_beside_one_that_refuses) {
  postgres_server slow;
  slow.freeze();
  postgres_connection db(to("postgres://owner:" + postgres_server::password("owner") +
                            "@127.0.0.1:" + std::to_string(slow.port()) + ",127.0.0.1:1/app"));
  EXPECT_TRUE(soon([&] {
    const boot_time before = boot_now();
    EXPECT_EQ(db.execute(workers, lease_request{}, in(milliseconds(200))).outcome,
              store_outcome::failed);
    return boot_now() - before > milliseconds(600);
  }));
}

// Near the end of its transaction ids a server warns at each write, for weeks if nobody mends it.
TEST(postgres_connection, takes_no_other_warning_for_doubt_of_a_commit) {
  // The first of its file, and within 40 million of the end, which counts from the oldest one.
  constexpr std::uint32_t near_the_end = 2029U << 20U;
  postgres_server server;
  holder alice(server.url("owner"));
  server.psql("CREATE DATABASE lost", "postgres");
  std::string lost = server.psql("SELECT oid FROM pg_database WHERE datname = 'lost'");
  lost.pop_back();
  server.stop();
  // What it can't vacuum keeps it from mending all by itself.
  std::filesystem::remove_all(server.data() / "base" / lost);
  postgres_test::run({.arguments = {postgres_test::server_program("pg_resetwal"), "-x",
                                    std::to_string(near_the_end), "-D", server.data()},
                      .folder = server.folder(),
                      .log = server.folder() / "reset.log"});
  const auto states = server.data() / "pg_xact" / fmt::format("{:04X}", near_the_end >> 20U);
  std::ofstream(states) << std::string(8192, '\0');
  postgres_test::give_away(states);
  server.start();
  postgres_test::session witness(server.socket_url());
  witness.query("CREATE TABLE written()");
  ASSERT_NE(fmt::format("{}", fmt::join(witness.notices(), "")).find("must be vacuumed"),
            std::string::npos);
  const auto reply = alice.renew(2000);
  EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
  EXPECT_TRUE(reply.applied);
}

TEST(postgres_connection, does_not_take_a_commit_for_done_that_no_standby_has_seen) {
  postgres_server server;
  holder alice(server.url("owner"));
  server.set("synchronous_standby_names", "'nobody'");
  lease_reply reply;
  std::thread waiting([&] { reply = alice.renew(2000); });
  const std::string pid = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  EXPECT_TRUE(soon([&] { return server.psql(pid) != ""; }));
  server.psql("SELECT pg_cancel_backend(pid) FROM (" + pid + ") AS waiting");
  waiting.join();
  EXPECT_EQ(reply.outcome, store_outcome::unknown) << "the server says UPDATE 1, and warns";
  server.set("synchronous_standby_names", "''");
  EXPECT_EQ(alice.execute({}).row->expires, instant{2000}) << "it was committed here";
}

}  // namespace
}  // namespace hedgerow::store::postgres
