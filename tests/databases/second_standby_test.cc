// Two standbys of one primary, promoted one after the other. A promoted standby takes the next
// number for its timeline that it knows to be free.

#include <gtest/gtest.h>

#include "store/patience.h"
#include "tests/databases/candidate.h"
#include "tests/databases/row.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::postgres_server;
using postgres_test::wait_for;
using store::boot_now;

constexpr milliseconds lease_length{1500};
constexpr milliseconds patience{20'000};

struct two_standbys {
  two_standbys() {
    primary.set("wal_retrieve_retry_interval", "'100ms'");  // else a promotion takes 5 s
    first = primary.standby("first");
    second = primary.standby("second");
  }
  std::string url(std::initializer_list<const postgres_server*> servers) const {
    std::string hosts;
    std::string ports;
    for (const postgres_server* one : servers) {
      const char* comma = hosts.empty() ? "" : ",";
      hosts += comma + one->folder().native();
      ports += comma + std::to_string(one->port());
    }
    return "postgres:///app?user=owner&host=" + hosts + "&port=" + ports;
  }
  candidate_setup on(const std::string& where, int who) const {
    return {.url = where, .who = who, .lease = lease_length, .bound = microseconds(5000)};
  }

  postgres_server primary;
  std::unique_ptr<postgres_server> first, second;
};

const char* const epoch_of_row = "SELECT epoch FROM hedgerow_lock";
const char* const nonces =
    "SELECT timeline || ' ' || nonce FROM hedgerow_timeline ORDER BY timeline DESC LIMIT 1";

// The holder leads on the first standby; it does not know of the second one.
void lead_on_first(two_standbys& servers, candidate& holder) {
  ASSERT_TRUE(holder.wait_acts());
  const std::string epoch = servers.primary.psql(epoch_of_row);
  servers.primary.kill9();
  servers.first->promote();
  ASSERT_TRUE(wait_for([&] { return servers.first->psql(epoch_of_row) != epoch; }, patience));
  ASSERT_TRUE(holder.wait_acts());
  // The taker has seen this epoch for longer than any lease.
  const boot_time seen = boot_now();
  ASSERT_TRUE(
      wait_for([&] { return boot_now() - seen > lease_length + milliseconds(200); }, patience));
  ASSERT_TRUE(holder.acts());
}

// Both have timeline 2, and what was committed on the first is lost unseen: only their nonces
// differ.
TEST(second_standby, that_did_not_follow_the_first_is_another_store) {
  two_standbys servers;
  acts record;
  candidate holder(servers.on(servers.url({&servers.primary, servers.first.get()}), 1), record);
  ASSERT_TRUE(holder.wait_acts());
  candidate taker(
      servers.on(servers.url({&servers.primary, servers.first.get(), servers.second.get()}), 2),
      record);
  lead_on_first(servers, holder);
  const std::string first = servers.first->psql(nonces);
  const fencing_token token = record.greatest();
  servers.first->kill9();
  servers.second->promote();
  ASSERT_TRUE(wait_for([&] { return record.greatest() > token; }, patience));
  EXPECT_EQ(record.violations(), 0U) << record.told();
  const std::string second = servers.second->psql(nonces);
  EXPECT_TRUE(first.starts_with("00000002")) << first;
  EXPECT_TRUE(second.starts_with("00000002")) << second;
  EXPECT_NE(first, second);
}

TEST(second_standby, that_follows_the_first_makes_none) {
  two_standbys servers;
  acts record;
  candidate holder(servers.on(servers.url({&servers.primary, servers.first.get()}), 1), record);
  ASSERT_TRUE(holder.wait_acts());
  candidate taker(
      servers.on(servers.url({&servers.primary, servers.first.get(), servers.second.get()}), 2),
      record);
  lead_on_first(servers, holder);
  const std::string from = "'user=postgres host=" + servers.first->folder().native() +
                           " port=" + std::to_string(servers.first->port()) + "'";
  servers.second->set("primary_conninfo", from);
  ASSERT_TRUE(wait_for(
      [&] {
        return servers.second->psql("SELECT received_tli FROM pg_stat_wal_receiver") == "2\n" &&
               servers.second->psql(epoch_of_row) == servers.first->psql(epoch_of_row);
      },
      patience));
  const fencing_token token = record.greatest();
  servers.first->kill9();
  servers.second->promote();
  ASSERT_TRUE(wait_for([&] { return record.greatest() > token; }, patience));
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

}  // namespace
}  // namespace hedgerow::databases_test
