#include <algorithm>
#include <barrier>
#include <csignal>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "store/patience.h"
#include "store/sqlite/database.h"
#include "store/sqlite/file.h"
#include "store/sqlite/read_group.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/sqlite_connection.h"
#include "store/sqlite/test_file.h"

namespace hedgerow::store::sqlite {
namespace {

using ports::lease_action;
using ports::lease_request;
using ports::store_outcome;
using ports::view_action;
using ports::view_request;
using std::filesystem::path;

// The last connection takes the log away. It may do so after its store is gone.
bool is_closed(const path& file) {
  return test_loop().run_until([&] { return !std::filesystem::exists(wal_of(file)); });
}

// A file that tells another process something.
struct signal_file {
  path name;
  void set() const { std::ofstream out(name); }
  bool wait() const {
    return test_loop().run_until([this] { return std::filesystem::exists(name); });
  }
};

class sqlite_store_test : public testing::Test {
 protected:
  static std::string open_error(const path& file, milliseconds patience = seconds(5)) {
    auto how = in_file(file);
    how.open_patience = patience;
    const auto opened = lanes::open(how);
    return opened ? "" : opened.error().message();
  }

  temporary_folder folder;
  path file = folder.path / "hedgerow.db";
};

TEST_F(sqlite_store_test, opens_a_new_file_in_many_threads_at_once) {
  constexpr int openers = 8;
  std::barrier start(openers);
  std::vector<std::string> errors(openers);
  std::vector<std::thread> threads;
  for (int i = 0; i < openers; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      errors[static_cast<std::size_t>(i)] = open_error(file, seconds(20));
    });
  }
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(errors, std::vector<std::string>(openers));
  EXPECT_EQ(test_connection(file).query("SELECT version FROM hedgerow_schema"), "3\n");
}

TEST_F(sqlite_store_test, opens_a_new_file_in_many_processes_at_once) {
  constexpr int openers = 8;
  std::vector<test_process> processes;
  for (int i = 0; i < openers; ++i) {
    processes.emplace_back([&]() -> std::string {
      file_store store(file);
      const auto reply = store.execute(lease(lease_action::create, store.read().epoch));
      if (reply.outcome != store_outcome::done) return reply.error;
      return reply.applied ? "first" : "";
    });
  }
  std::string said;
  for (auto& process : processes)
    said += process.answer();
  EXPECT_EQ(said, "first");
}

TEST_F(sqlite_store_test, refuses_a_file_that_is_no_database) {
  std::FILE* out = std::fopen(file.c_str(), "w");
  std::fputs(std::string(5000, 'x').c_str(), out);
  std::fclose(out);
  const auto text = open_error(file);
  EXPECT_NE(text.find(file.native()), std::string::npos) << text;
  EXPECT_NE(text.find("not a SQLite database"), std::string::npos) << text;
  EXPECT_NE(open_error(folder.path).find(folder.path.native()), std::string::npos);
}

TEST_F(sqlite_store_test, does_not_open_a_locked_file_and_says_so_in_time) {
  test_connection other(file);
  ASSERT_EQ(other.query("BEGIN EXCLUSIVE; CREATE TABLE t(x)"), "");
  const boot_time before = boot_now();
  const auto text = open_error(file, milliseconds(100));
  EXPECT_LT(boot_now() - before, seconds(2));
  EXPECT_NE(text.find("locked"), std::string::npos) << text;
}

TEST_F(sqlite_store_test, follows_a_file_that_is_removed) {
  file_store store(file);
  const auto old_epoch = store.read().epoch;
  ASSERT_TRUE(store.execute(lease(lease_action::create, old_epoch)).applied);
  store.execute(claim(5));
  std::filesystem::remove(file);  // and not its -wal and -shm, as people do

  const auto renewed = store.execute(lease(lease_action::renew, old_epoch));
  EXPECT_EQ(renewed.outcome, store_outcome::done) << renewed.error;
  EXPECT_FALSE(renewed.applied);
  EXPECT_EQ(renewed.row, std::nullopt);
  EXPECT_NE(renewed.epoch, old_epoch);
  EXPECT_FALSE(store.execute(lease(lease_action::create, old_epoch)).applied);
  EXPECT_TRUE(store.execute(lease(lease_action::create, renewed.epoch)).applied);
  EXPECT_EQ(store.read_view().row, std::nullopt);
  EXPECT_EQ(store.execute(claim(1)).row.value_or(ports::view_row{}).id.token, 1);
  EXPECT_EQ(test_connection(file).query("PRAGMA integrity_check"), "ok\n");
}

TEST_F(sqlite_store_test, follows_a_file_that_is_replaced_together_with_all_others) {
  const path backup = folder.path / "backup.db";
  {
    file_store store(backup);
    ASSERT_TRUE(store.execute(lease(lease_action::create, store.read().epoch)).applied);
  }
  ASSERT_TRUE(is_closed(backup));
  file_store a(file);
  file_store b(file);
  const auto old_epoch = a.read().epoch;
  ASSERT_TRUE(a.execute(lease(lease_action::create, old_epoch)).applied);
  ASSERT_TRUE(a.execute(lease(lease_action::renew, old_epoch)).applied);
  std::filesystem::rename(backup, file);

  for (const auto action : {lease_action::renew, lease_action::repin, lease_action::create}) {
    auto request = lease(action, old_epoch);
    request.row.version = 9;
    const auto reply = a.execute(request);
    EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
    EXPECT_FALSE(reply.applied);
    EXPECT_NE(reply.epoch, old_epoch);
  }
  auto take = lease(lease_action::acquire, old_epoch);
  take.observed = 100;
  take.earliest = {2000};
  take.waited = true;
  EXPECT_FALSE(b.execute(take).applied);
  const auto epoch = b.read().epoch;
  EXPECT_EQ(epoch, a.read().epoch);
  take.row.epoch = epoch;
  EXPECT_TRUE(b.execute(take).applied);
  EXPECT_EQ(a.read().row, b.read().row);
  for (fencing_token token = 1; token < 50; ++token)
    EXPECT_TRUE((token % 2 != 0 ? a : b).execute(claim(token)).applied) << token;
  EXPECT_EQ(test_connection(file).query("PRAGMA integrity_check"), "ok\n");
}

// One process creates the new file while another still has the old one, and its -shm file, in use.
TEST_F(sqlite_store_test, shares_nothing_between_the_old_and_the_new_file) {
  for (const bool removed : {true, false}) {
    const path at = folder.path / (removed ? "removed.db" : "replaced.db");
    const path backup = folder.path / "backup.db";
    const signal_file ready{folder.path / (at.filename().native() + ".ready")};
    const signal_file go{folder.path / (at.filename().native() + ".go")};
    if (!removed) {
      file_store{backup}.execute(claim(1));
      ASSERT_TRUE(is_closed(backup));
    }
    const auto claim_some = [](file_store& store, fencing_token first) {
      for (fencing_token token = first; token < first + 40; token += 2)
        if (!store.execute(claim(token)).applied) return "not applied: " + std::to_string(token);
      return std::string();
    };
    test_process other([&]() -> std::string {
      file_store store(at);
      auto trouble = claim_some(store, 1000);
      ready.set();
      if (!trouble.empty() || !go.wait()) return "before: " + trouble;
      return claim_some(store, 101);
    });
    ASSERT_TRUE(ready.wait());
    std::unique_ptr<file_store> store;
    if (removed) {  // the creator has never seen the old file
      std::filesystem::remove(at);
      store = std::make_unique<file_store>(at);
    } else {
      store = std::make_unique<file_store>(at);
      std::filesystem::rename(backup, at);
    }
    ASSERT_EQ(claim_some(*store, 10), "");
    go.set();
    EXPECT_EQ(other.answer(), "");
    EXPECT_EQ(claim_some(*store, 200), "");
    EXPECT_EQ(test_connection(at).query("PRAGMA integrity_check"), "ok\n");
    EXPECT_EQ(test_connection(at).query("SELECT token FROM hedgerow_view"), "238\n");
  }
}

TEST_F(sqlite_store_test, writes_nothing_at_all_to_a_file_that_is_not_the_store_any_more) {
  database db(file, "boot:one");
  ASSERT_TRUE(db.ready(boot_now() + seconds(20)));
  const auto old = [&](lease_action action) {
    auto request = lease(action, db.epoch());
    request.row.version = 1;
    return request;
  };
  const auto write = [&](const lease_request& request) {
    return run_lease(db.handle(), {row_kind::group, "workers"}, request).value().has_value();
  };
  const auto write_members = [&](const view_request& request) {
    return run_view(db.handle(), {row_kind::group, "workers"}, request).value().has_value();
  };
  auto created = old(lease_action::create);
  created.row.version = 0;
  ASSERT_TRUE(write(created));
  ASSERT_TRUE(write_members(claim(1)));
  auto take = old(lease_action::acquire);
  take.observed = 100;
  take.earliest = {2000};
  view_request commit{.action = view_action::commit};
  commit.expected = {1, 0};
  commit.row.id = {1, 1};

  std::filesystem::rename(file, folder.path / "elsewhere.db");
  EXPECT_FALSE(write(take));
  EXPECT_FALSE(write(old(lease_action::renew)));
  EXPECT_FALSE(write(old(lease_action::repin)));
  EXPECT_FALSE(write(old(lease_action::release)));
  EXPECT_FALSE(write_members(claim(2)));
  EXPECT_FALSE(write_members(commit));
  std::filesystem::rename(folder.path / "elsewhere.db", file);
  EXPECT_TRUE(write(old(lease_action::renew)));
  EXPECT_TRUE(write(old(lease_action::repin)));
  EXPECT_TRUE(write(take));
  take.row.token = take.observed = 101;
  take.action = lease_action::release;
  EXPECT_TRUE(write(take));
  EXPECT_TRUE(write_members(commit));
  EXPECT_TRUE(write_members(claim(2)));
}

TEST_F(sqlite_store_test, does_not_apply_a_waiting_statement_to_a_file_that_is_replaced_meanwhile) {
  file_store store(file);
  const auto old_epoch = store.read().epoch;
  ASSERT_TRUE(store.execute(lease(lease_action::create, old_epoch)).applied);
  test_connection other(file);
  ASSERT_EQ(other.query("BEGIN IMMEDIATE"), "");
  store.store->submit(900, lease(lease_action::renew, old_epoch), seconds(20));
  ASSERT_TRUE(store.loop.run_until(waits_for_lock));
  std::filesystem::rename(file, folder.path / "elsewhere.db");
  ASSERT_EQ(other.query("ROLLBACK"), "");
  ASSERT_TRUE(store.loop.run_until([&] { return store.loop.leases.contains(900); }));
  EXPECT_FALSE(store.loop.leases[900].applied);
  EXPECT_NE(store.loop.leases[900].epoch, old_epoch);
  EXPECT_EQ(store.loop.leases[900].row, std::nullopt);
}

TEST_F(sqlite_store_test, creates_a_removed_folder_again) {
  const path inner = folder.path / "inner" / "hedgerow.db";
  file_store store(inner);
  const auto old_epoch = store.read().epoch;
  std::filesystem::remove_all(inner.parent_path());
  EXPECT_EQ(store.read().outcome, store_outcome::done);
  EXPECT_TRUE(std::filesystem::exists(inner));
}

TEST_F(sqlite_store_test, gives_up_on_a_locked_database_within_patience) {
  file_store store(file);
  const auto epoch = store.read().epoch;
  store.execute(lease(lease_action::create, epoch));
  test_connection other(file);
  ASSERT_EQ(other.query("BEGIN EXCLUSIVE"), "");
  const boot_time before = boot_now();
  store.store->submit(900, lease(lease_action::release, epoch), milliseconds(400));
  store.store->submit(901, lease(lease_action::release, epoch), milliseconds(200));
  store.store->submit(902, claim(1), milliseconds(400));
  EXPECT_LT(boot_now() - before, milliseconds(200)) << "submit does not block";
  ASSERT_TRUE(store.loop.run_until(
      [&] { return store.loop.leases.size() == 4 && store.loop.views.size() == 1; }));
  EXPECT_LT(boot_now() - before, seconds(5));
  EXPECT_EQ(store.loop.leases[900].outcome, store_outcome::failed);
  EXPECT_NE(store.loop.leases[900].error.find("locked"), std::string::npos);
  EXPECT_EQ(store.loop.leases[901].outcome, store_outcome::failed);
  EXPECT_EQ(store.loop.views[902].outcome, store_outcome::failed);
  ASSERT_EQ(other.query("ROLLBACK"), "");
  EXPECT_FALSE(store.read().row.value().released);
  EXPECT_EQ(store.read_view().row, std::nullopt);
}

TEST_F(sqlite_store_test, waits_for_a_lock_while_there_is_patience) {
  file_store store(file);
  const auto epoch = store.read().epoch;
  test_connection other(file);
  ASSERT_EQ(other.query("BEGIN EXCLUSIVE"), "");
  store.store->submit(900, lease(lease_action::create, epoch), seconds(20));
  store.store->submit(901, claim(1), milliseconds(1));
  ASSERT_TRUE(store.loop.run_until([&] { return store.loop.views.contains(901); }));
  EXPECT_FALSE(store.loop.leases.contains(900));
  ASSERT_EQ(other.query("ROLLBACK"), "");
  ASSERT_TRUE(store.loop.run_until([&] { return store.loop.leases.contains(900); }));
  EXPECT_TRUE(store.loop.leases[900].applied);
}

TEST_F(sqlite_store_test, never_begins_without_patience) {
  file_store store(file);
  const auto reply = store.execute(lease(lease_action::create, store.read().epoch), nanoseconds(0));
  EXPECT_EQ(reply.outcome, store_outcome::failed);
  EXPECT_FALSE(reply.error.empty());
  EXPECT_EQ(store.read().row, std::nullopt);
}

TEST_F(sqlite_store_test, ends_quickly_while_the_database_is_locked_and_is_silent_afterwards) {
  test_connection other(file);
  auto store = std::make_unique<file_store>(file);
  const auto epoch = store->read().epoch;
  auto& loop = store->loop;
  loop.leases.clear();
  ASSERT_EQ(other.query("BEGIN EXCLUSIVE"), "");
  for (ports::request_id id = 100; id < 300; ++id) {
    store->store->submit(id, lease(lease_action::create, epoch), seconds(60));
    store->store->submit(id, claim(1), seconds(60));
  }
  const boot_time before = boot_now();
  store->store.reset();
  store->connections.reset();
  EXPECT_LT(boot_now() - before, seconds(1));
  loop.run_until([] { return true; });
  EXPECT_TRUE(loop.leases.empty());
  EXPECT_TRUE(loop.views.empty());
  ASSERT_EQ(other.query("ROLLBACK"), "");
}

TEST_F(sqlite_store_test, does_not_know_after_an_io_error_in_a_write) {
  test_process process([&]() -> std::string {
    file_store store(file);
    const auto epoch = store.read().epoch;
    if (!store.execute(lease(lease_action::create, epoch)).applied) return "not created";
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit no_growth{1, RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &no_growth) != 0) return "no limit";
    const auto reply = store.execute(lease(lease_action::release, epoch));
    if (reply.outcome != store_outcome::unknown) return "not unknown: " + reply.error;
    if (reply.error.find(file.native()) == std::string::npos) return "no name: " + reply.error;
    return store.read().outcome == store_outcome::done ? "unknown" : "cannot be read any more";
  });
  EXPECT_EQ(process.answer(), "unknown");
}

TEST_F(sqlite_store_test, shows_a_group_to_commands) {
  const auto missing = read_group(file, "workers");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), "no store at " + file.native() +
                                           ": no agent has run here yet; start one with `hedgerow "
                                           "agent`");
  EXPECT_FALSE(std::filesystem::exists(file));
  {
    file_store store(file);
    const auto empty = read_group(file, "workers");
    ASSERT_TRUE(empty) << empty.error().message();
    EXPECT_FALSE(empty->lease || empty->view);
    store.execute(lease(lease_action::create, store.read().epoch));
    store.execute(claim(3));
    const auto live = read_group(file, "workers");
    ASSERT_TRUE(live) << live.error().message();
    EXPECT_EQ(live->lease, store.read().row);
    EXPECT_EQ(live->view, store.read_view().row);
    EXPECT_FALSE(read_group(file, "others").value().lease);
  }
  EXPECT_TRUE(read_group(file, "workers").value().lease) << "also without an agent";
  EXPECT_TRUE(is_closed(file)) << "and leaves nothing behind";
  test_connection(file).query("DROP TABLE hedgerow_lock; DROP VIEW hedgerow_members");
  const auto lacking = read_group(file, "workers");
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().message(),
            "the store " + file.native() +
                " lacks hedgerow_lock, hedgerow_members, which somebody has dropped: an agent that "
                "runs makes it anew; start one with `hedgerow agent`");
  EXPECT_EQ(open_error(file), "");
  EXPECT_TRUE(read_group(file, "workers").value().lease);
  test_connection(file).query("UPDATE hedgerow_view SET removed = ''");
  EXPECT_FALSE(read_group(file, "workers"));
}

TEST(test_connection, shows_errors_of_queries) {
  temporary_folder folder;
  test_connection db(folder.path / "any.db");
  EXPECT_EQ(db.query("SELECT 1, NULL"), "1|NULL\n");
  EXPECT_TRUE(db.query("SELECT x").starts_with("error: "));
}

TEST_F(sqlite_store_test, shows_no_group_in_an_empty_file) {
  ASSERT_TRUE(create_private(file));
  EXPECT_FALSE(read_group(file, "workers"));
  EXPECT_EQ(open_error(file), "") << "and an agent may use it";
}

}  // namespace
}  // namespace hedgerow::store::sqlite
