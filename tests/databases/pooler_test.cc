// PgBouncer in transaction mode, restarted and killed under load. lease.md 9, item 22. And servers
// that change their roles behind it, under connections that stay open. Item 21.

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/patience.h"
#include "tests/databases/failover.h"
#include "tests/databases/row.h"
#include "tests/databases/witness.h"
#include "tests/postgres/bouncer.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::pgbouncer;
using postgres_test::postgres_server;
using postgres_test::wait_for;
using store::boot_now;

constexpr milliseconds patience{15'000};

// Groups of two, of which the second member comes and goes: renewals and commits of views.
class busy_group {
 public:
  busy_group(std::string url, std::string name, milliseconds lease)
      : url_(std::move(url)), name_(std::move(name)), lease_(lease) {
    first_ = start("first", 1);
  }

  // The second joins, or goes.
  void stir() {
    if (second_) {
      all_.forget(*second_);
      second_.reset();
    } else {
      second_ = start("second", ++who_);
    }
  }
  bool led() const {
    return first_->leadership().leading() || (second_ && second_->leadership().leading());
  }
  bool formed() const {
    std::vector<std::string> names{"first"};
    if (second_) names.emplace_back("second");
    return led() && members_of(*first_) == names && (!second_ || members_of(*second_) == names);
  }
  acts record;

 private:
  std::unique_ptr<node> start(const char* name, int who) {
    auto made = start_node(node_options(url_, name_, name, lease_));
    all_.watch(*made, who);
    return made;
  }

  const std::string url_;
  const std::string name_;
  const milliseconds lease_;
  int who_ = 1;
  std::unique_ptr<node> first_, second_;
  witness all_{record};  // ends first
};

TEST(thirty, item_22_a_pooler_that_is_restarted_under_load_is_survived_by_all_groups) {
  postgres_server server;
  pgbouncer bouncer(server, {.passwords = false, .pool_size = 4});
  std::vector<std::unique_ptr<busy_group>> groups;
  for (int i = 0; i < 4; ++i)
    groups.push_back(std::make_unique<busy_group>(bouncer.url("owner"), fmt::format("g{}", i),
                                                  milliseconds(1000)));
  const auto all = [&](bool (busy_group::*holds)() const) {
    return std::all_of(groups.begin(), groups.end(),
                       [&](const auto& one) { return (*one.*holds)(); });
  };
  ASSERT_TRUE(wait_for([&] { return all(&busy_group::formed); }, patience));
  for (int round = 0; round < 4; ++round) {
    for (const auto& one : groups)
      one->stir();
    if (round % 2 == 0) {
      bouncer.restart();
    } else {
      bouncer.kill9();
      bouncer.start();
    }
    const boot_time back = boot_now();
    EXPECT_TRUE(wait_for([&] { return all(&busy_group::led); }, patience));
    EXPECT_LE(boot_now() - back, seconds(2)) << "a lease and a second";
    EXPECT_TRUE(wait_for([&] { return all(&busy_group::formed); }, patience));
  }
  for (const auto& one : groups)
    EXPECT_EQ(one->record.violations(), 0U) << one->record.told();
}

// The list of hosts: a pooler in front of the first server, then the second one itself.
std::string by_pooler(const pgbouncer& bouncer, const postgres_server& then) {
  return "postgres:///app?user=owner&host=127.0.0.1," + then.folder().native() +
         "&port=" + std::to_string(bouncer.port()) + "," + std::to_string(then.port());
}

TEST(thirty, item_21_a_primary_that_becomes_a_standby_behind_an_open_connection_is_left) {
  failover servers;
  pgbouncer bouncer(servers.primary, {.passwords = false});
  acts record;
  candidate holder({.url = by_pooler(bouncer, *servers.standby),
                    .who = 1,
                    .lease = seconds(1),
                    .bound = microseconds(5000)},
                   record);
  candidate other({.url = by_pooler(bouncer, *servers.standby),
                   .who = 2,
                   .lease = seconds(1),
                   .bound = microseconds(5000)},
                  record);
  ASSERT_TRUE(wait_for([&] { return record.count() > 0; }, patience));
  const fencing_token token = record.greatest();
  const std::string epoch = servers.primary.psql("SELECT epoch FROM hedgerow_lock");
  servers.switch_roles();
  const boot_time done = boot_now();
  EXPECT_EQ(servers.primary.psql("SELECT pg_is_in_recovery()"), "t\n");
  ASSERT_TRUE(wait_for([&] { return record.first_after(done) != boot_time{}; }, patience));
  EXPECT_LE(record.first_after(done) - done, seconds(3))
      << "what was lost waits for a lease on the new timeline, and a second";
  ASSERT_TRUE(wait_for(
      [&] { return servers.standby->psql("SELECT epoch FROM hedgerow_lock") != epoch; }, patience));
  EXPECT_GE(record.greatest(), token);
  // The pooler still serves the first server; nobody who asks there may act by that.
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

TEST(thirty, item_21_a_group_whose_servers_change_roles_twice_has_one_leader_all_the_time) {
  failover servers;
  pgbouncer bouncer(servers.primary, {.passwords = false});
  busy_group group(by_pooler(bouncer, *servers.standby), "g", milliseconds(600));
  ASSERT_TRUE(wait_for([&] { return group.formed(); }, patience));
  group.stir();
  ASSERT_TRUE(wait_for([&] { return group.formed(); }, patience));
  const fencing_token token = group.record.greatest();
  const std::string epoch = "SELECT epoch FROM hedgerow_lease";
  const std::string first = servers.primary.psql(epoch);
  servers.switch_roles();
  ASSERT_TRUE(wait_for([&] { return servers.standby->psql(epoch) != first; }, patience));
  ASSERT_TRUE(wait_for([&] { return group.formed(); }, patience));
  const std::string second = servers.standby->psql(epoch);
  servers.switch_back();
  ASSERT_TRUE(wait_for([&] { return servers.primary.psql(epoch) != second; }, patience));
  ASSERT_TRUE(wait_for([&] { return group.formed(); }, patience));
  EXPECT_GE(group.record.greatest(), token);
  EXPECT_EQ(group.record.violations(), 0U) << group.record.told();
}

}  // namespace
}  // namespace hedgerow::databases_test
