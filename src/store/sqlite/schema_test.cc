// Tables of other versions, and such that somebody drops or restores under a store.

#include <gtest/gtest.h>

#include "store/sqlite/file.h"
#include "store/sqlite/read_group.h"
#include "store/sqlite/test_file.h"

namespace hedgerow::store::sqlite {
namespace {

using ports::lease_action;
using ports::store_outcome;

class sqlite_tables : public testing::Test {
 protected:
  temporary_folder folder;
  std::filesystem::path file = folder.path / "hedgerow.db";
};

TEST_F(sqlite_tables, of_a_newer_version_are_refused) {
  file_store{file}.read();
  test_connection(file).query("UPDATE hedgerow_schema SET version = version + 1");
  const auto opened = lanes::open(in_file(file));
  ASSERT_FALSE(opened);
  const auto text = opened.error().message();
  EXPECT_NE(text.find("upgrade"), std::string::npos) << text;
  EXPECT_NE(text.find(file.native()), std::string::npos) << text;
  const auto read = read_group(file, "workers");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, errc::not_supported);
}

TEST_F(sqlite_tables, of_version_1_are_upgraded) {
  ports::lease_row row;
  {
    file_store store(file);
    row = store.execute(lease(lease_action::create, store.read().epoch)).row.value();
  }
  ASSERT_TRUE(test_loop().run_until([&] { return !std::filesystem::exists(wal_of(file)); }))
      << "the store's end may take a moment longer";
  ASSERT_EQ(test_connection(file).query("ALTER TABLE hedgerow_lease DROP COLUMN machine;"
                                        "DROP TABLE hedgerow_lock;"
                                        "ALTER TABLE hedgerow_view DROP COLUMN list_token;"
                                        "UPDATE hedgerow_schema SET version = 1"),
            "");
  const auto read = read_group(file, "workers");
  ASSERT_FALSE(read) << "who only reads changes nothing";
  EXPECT_NE(read.error().message().find("version 1"), std::string::npos);
  file_store store(file);
  EXPECT_EQ(store.read().row, row);
  EXPECT_EQ(test_connection(file).query("SELECT version FROM hedgerow_schema"), "3\n");
  test_store lock(store.connections, {row_kind::lock, "workers"});
  EXPECT_EQ(lock.read().row, std::nullopt) << "a lock shares no row with a group";
  EXPECT_TRUE(lock.execute(lease(lease_action::create, store.read().epoch)).applied);
  EXPECT_EQ(store.read_view().row, std::nullopt);
}

TEST_F(sqlite_tables, that_are_dropped_are_made_anew_under_another_epoch) {
  file_store a(file);
  file_store b(file);
  for (const std::string drop :
       {"DROP TABLE hedgerow_lease", "DROP TABLE hedgerow_lock", "DROP TABLE hedgerow_view",
        "DROP VIEW hedgerow_members", "DROP TABLE hedgerow_schema",
        "DROP TABLE hedgerow_lease; DROP TABLE hedgerow_lock; DROP TABLE hedgerow_view;"
        "DROP VIEW hedgerow_members; DROP TABLE hedgerow_schema"}) {
    SCOPED_TRACE(drop);
    const auto old_epoch = a.read().epoch;
    a.execute(lease(lease_action::create, old_epoch));
    const bool row_goes = drop.starts_with("DROP TABLE hedgerow_lease");
    ASSERT_EQ(test_connection(file).query(drop), "");

    const auto renewed = a.execute(lease(lease_action::renew, old_epoch));
    EXPECT_EQ(renewed.outcome, store_outcome::done) << renewed.error;
    EXPECT_FALSE(renewed.applied);
    EXPECT_EQ(renewed.row.has_value(), !row_goes);
    EXPECT_NE(renewed.epoch, old_epoch);
    EXPECT_EQ(b.read().epoch, renewed.epoch);
    EXPECT_FALSE(b.execute(lease(lease_action::create, old_epoch)).applied);
    EXPECT_EQ(b.execute(lease(lease_action::create, renewed.epoch)).applied, row_goes);
    EXPECT_EQ(a.read_view().outcome, store_outcome::done);
  }
  EXPECT_EQ(a.read().epoch, b.read().epoch) << "who finds them made anew changes nothing";
}

// As from a dump of long ago, into the file that is in use.
TEST_F(sqlite_tables, that_are_restored_in_place_are_another_epoch) {
  file_store store(file);
  const auto old_epoch = store.read().epoch;
  ASSERT_TRUE(store.execute(lease(lease_action::create, old_epoch)).applied);
  test_connection other(file);
  const auto table = other.query("SELECT sql FROM sqlite_schema WHERE name = 'hedgerow_lease'");
  ASSERT_EQ(other.query("CREATE TABLE dump AS SELECT * FROM hedgerow_lease"), "");
  auto repin = lease(lease_action::repin, store.read().epoch);
  repin.row.version = 1;
  repin.row.expires = {9000};
  ASSERT_TRUE(store.execute(repin).applied);

  ASSERT_EQ(other.query("BEGIN IMMEDIATE"), "");
  auto renew = lease(lease_action::renew, repin.row.epoch);
  store.store->submit(900, renew, seconds(20));
  ASSERT_TRUE(store.loop.run_until(waits_for_lock));
  ASSERT_EQ(other.query("DROP TABLE hedgerow_lease;" + table +
                        ";INSERT INTO hedgerow_lease SELECT * FROM dump;"
                        "UPDATE hedgerow_lease SET epoch = '" +
                        repin.row.epoch + "'; COMMIT"),
            "");
  ASSERT_TRUE(store.loop.run_until([&] { return store.loop.leases.contains(900); }));
  const auto& reply = store.loop.leases[900];
  EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
  EXPECT_FALSE(reply.applied) << "a statement that was under way sees it, too";
  EXPECT_NE(reply.epoch, repin.row.epoch);
  ASSERT_TRUE(reply.row);
  EXPECT_EQ(reply.row->expires, instant{1000});

  auto take = lease(lease_action::acquire, reply.epoch);
  take.observed = 100;
  take.earliest = {2000};
  EXPECT_FALSE(store.execute(take).applied) << "F11: the expiry that was restored says nothing";
  take.waited = true;
  EXPECT_TRUE(store.execute(take).applied);
}

}  // namespace
}  // namespace hedgerow::store::sqlite
