// A store that is locked, damaged or not there; and how seldom it is written.

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/store_connection.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

// One line that names the file, and status 1.
void expect_refused(const outcome& tried, const std::string& words) {
  EXPECT_EQ(tried.code, 1) << tried.err;
  EXPECT_EQ(tried.err.find("hedgerow: "), 0u) << tried.err;
  EXPECT_NE(tried.err.find(words), std::string::npos) << tried.err;
  EXPECT_EQ(std::count(tried.err.begin(), tried.err.end(), '\n'), 1) << tried.err;
}

outcome try_agent(const std::string& store) {
  return run_command({"agent", "--name", "x", "--store", store, "--lease", "500ms"});
}

TEST(store, locked_by_another_process_ends_leadership_in_time_and_nothing_else) {
  cluster group{"1s"};
  for (const char* name : {"a", "b", "c"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
  agent& leader = *group.leader();
  const std::int64_t old_token = (*leader.latest("leadership"))["token"];
  const std::size_t from = leader.count();
  std::map<std::string, std::string> addresses;
  for (agent* one : group.agents())
    addresses[one->name()] = one->address();

  store_connection other{group.store()};
  ASSERT_TRUE(other.run("BEGIN EXCLUSIVE"));
  const auto locked = steady_clock::now();
  const event* lost = leader.await(
      "leadership", [](const json& l) { return !l["leading"]; }, 4s, from);
  ASSERT_NE(lost, nullptr);
  EXPECT_LE(lost->at - locked, 1100ms);  // a lease renewed just before ends one second after
  for (const auto& [name, address] : addresses) {
    const outcome asked = run_command({"members", "--json", "--agent", address});
    EXPECT_EQ(asked.code, 0) << asked.err;
    EXPECT_EQ(asked.object()["members"].size(), 3u) << name;
  }
  const outcome sent = run_command(
      {"send", "x", "--json", "--agent", addresses.begin()->second, "--timeout", "500ms"});
  EXPECT_EQ(sent.code, 3) << sent.out << sent.err;
  EXPECT_EQ(sent.object()["code"], "no_leader");
  EXPECT_EQ(
      run_command({"leader", "--agent", addresses.begin()->second, "--timeout", "300ms"}).code, 3);
  EXPECT_NE(leader.await(
                "store", [](const json& s) { return s["status"] == "unavailable"; }, 5s),
            nullptr);

  EXPECT_TRUE(other.run("ROLLBACK"));
  ASSERT_TRUE(wait_for([&] { return group.leader() != nullptr; }, 8s));
  EXPECT_GE((*group.leader()->latest("leadership"))["token"], old_token);
  EXPECT_TRUE(group.wait_formed(5s));
  EXPECT_EQ(group.run({"send", "x"}).code, 0);
}

TEST(store, locked_does_not_delay_the_end) {
  cluster group{"1s"};
  for (const char* name : {"a", "b"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
  store_connection other{group.store()};
  ASSERT_TRUE(other.run("BEGIN EXCLUSIVE"));
  const auto told = steady_clock::now();
  for (agent* one : group.agents())
    one->itself().signal(SIGTERM);
  for (agent* one : group.agents())
    EXPECT_EQ(one->itself().wait_exit(8s), 0);
  EXPECT_LT(steady_clock::now() - told, 4s);
  EXPECT_TRUE(other.run("ROLLBACK"));
}

TEST(store, that_can_not_be_opened_is_named) {
  cluster group{"500ms"};
  const std::string folder = group.folder();
  expect_refused(try_agent(folder), folder);
  expect_refused(try_agent("/proc/nowhere/hedgerow.db"), "/proc/nowhere");
  expect_refused(try_agent("ftp://host/x"), "ftp");
  expect_refused(try_agent("postgres:host/x"), "postgres://");
  const std::string garbage = group.folder() / "garbage.db";
  std::ofstream{garbage} << std::string(8192, 'x');
  expect_refused(try_agent(garbage), garbage);
  expect_refused(run_command({"members", "--from-store", "--store", garbage}), garbage);
  const std::string missing = group.folder() / "missing.db";
  expect_refused(run_command({"members", "--from-store", "--store", missing}), missing);
  for (const std::string& bad : {garbage, missing}) {
    const outcome asked = run_command({"members", "--timeout", "300ms", "--store", bad});
    EXPECT_EQ(asked.code, 3);
    EXPECT_NE(asked.err.find(bad), std::string::npos) << asked.err;
  }
  EXPECT_FALSE(std::filesystem::exists(missing)) << "a question made a store";
}

TEST(store, of_a_newer_version_is_left_alone) {
  cluster group{"500ms"};
  group.start("a");
  ASSERT_TRUE(group.wait_formed());
  group.kill("a");
  ASSERT_TRUE(
      store_connection{group.store()}.run("UPDATE hedgerow_schema SET version = version + 1"));
  expect_refused(try_agent(group.store()), "newer Hedgerow");
  expect_refused(group.run({"members", "--from-store"}), "newer Hedgerow");
}

TEST(store, is_for_its_owner_only) {
  cluster group{"500ms"};
  const std::filesystem::path made = group.folder() / "new" / "hedgerow.db";
  group.start("a", {"--store", made});
  ASSERT_TRUE(wait_for([&] { return !group["a"].address().empty(); }, 10s));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(made).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_EQ(std::filesystem::status(made.parent_path()).permissions(), perms::owner_all);
}

TEST(store, is_written_once_a_renewal_and_not_for_anything_else) {
  cluster group{"1s"};
  for (const char* name : {"a", "b", "c", "d", "e"})
    group.start(name);
  ASSERT_TRUE(group.wait_formed());
  store_connection own{group.store()};
  const std::int64_t sequence = own.number("SELECT sequence FROM hedgerow_view");
  std::int64_t seen = own.number("PRAGMA data_version");
  int commits = 0;
  process_setup sending;
  sending.arguments = {"/bin/sh", "-c",
                       "for i in 1 2 3 4 5; do " HEDGEROW_COMMAND " send x; " HEDGEROW_COMMAND
                       " broadcast x; done"};
  sending.environment = {{"HEDGEROW_STORE", group.store()}};
  process sends{std::move(sending)};
  const auto begin = steady_clock::now();
  wait_for(
      [&] {
        const std::int64_t now = own.number("PRAGMA data_version");
        commits += now != seen ? 1 : 0;
        seen = now;
        return steady_clock::now() - begin >= 4s;
      },
      5s);
  const auto elapsed = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
  const auto expected = static_cast<int>(elapsed / 250ms);
  EXPECT_NEAR(commits, expected, 3);
  EXPECT_EQ(own.number("SELECT sequence FROM hedgerow_view"), sequence);
  EXPECT_EQ(sends.wait_exit(20s), 0) << sends.err();
}

}  // namespace
}  // namespace hedgerow::system_test
