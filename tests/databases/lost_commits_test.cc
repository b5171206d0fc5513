// A standby is promoted that lacks what the primary had acknowledged, or lacks nothing. lease.md 9,
// items 12 and 25; R5, R9, F11, F12.

#include <gtest/gtest.h>

#include "store/patience.h"
#include "store/postgres/schema.h"
#include "tests/databases/failover.h"
#include "tests/databases/row.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::postgres_server;
using postgres_test::wait_for;
using store::boot_now;

constexpr microseconds lease_length{600'000};
constexpr microseconds bound{5'000};
constexpr milliseconds patience{15'000};

candidate_setup on(const std::string& url, int who, microseconds skew = {}) {
  return {.url = url, .who = who, .lease = lease_length, .skew = skew, .bound = bound};
}

std::string at(const postgres_server& server) {
  return server.socket_url("owner");
}

bool was_told(const candidate& who, told::kind what) {
  for (const told& one : who.history()) {
    if (one.what == what) return true;
  }
  return false;
}

// The holder renews on a primary whose commits are lost, and hears of no failover; its clock is
// slow, the taker's is fast, as much as they may be.
TEST(thirty, item_25_after_renewals_were_lost_nobody_takes_before_the_holder_has_ended) {
  failover servers;
  acts record;
  candidate holder(on(at(servers.primary), 1, -bound), record);
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  servers.cut_replication();
  const std::int64_t known = row_of(*servers.standby).expires_us;
  ASSERT_TRUE(wait_for(
      [&] { return row_of(servers.primary).expires_us - known >= lease_length.count(); }, patience))
      << "to the standby, its lease looks as good as over";
  servers.fail_over();
  const boot_time promoted = boot_now();
  candidate taker(on(at(*servers.standby), 2, bound), record);
  ASSERT_TRUE(taker.wait_acts());
  EXPECT_GT(taker.token(), token);
  EXPECT_TRUE(was_told(taker, told::kind::waiting));
  EXPECT_GE(record.first_of(taker.token()) - promoted, nanoseconds{lease_length})
      << "the cool-off, in true time";
  EXPECT_LE(record.first_of(taker.token()) - promoted, nanoseconds{lease_length} + seconds(1));
  EXPECT_LT(record.last_of(token), record.first_of(taker.token()));
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

// The standby has never heard of the second tenure.
TEST(thirty, item_25_after_a_take_was_lost_its_token_is_not_given_again_and_not_undercut) {
  failover servers;
  acts record;
  auto first = std::make_unique<candidate>(on(at(servers.primary), 1), record);
  ASSERT_TRUE(first->wait_acts());
  servers.cut_replication();
  candidate second(on(at(servers.primary), 2, bound), record);  // its tokens are ahead
  first->want(false);
  ASSERT_TRUE(second.wait_acts());
  first.reset();
  const fencing_token lost = second.token();
  ASSERT_LT(row_of(*servers.standby).token, lost);
  servers.fail_over();
  candidate third(on(at(*servers.standby), 3, -bound), record);  // never heard of them
  ASSERT_TRUE(third.wait_acts());
  EXPECT_GT(third.token(), lost);
  EXPECT_LT(record.last_of(lost), record.first_of(third.token()));
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

// Who lost its own take finds that out from the promoted server, and competes with the others.
TEST(thirty, item_25_a_holder_whose_take_was_lost_follows_the_failover_and_stops) {
  failover servers;
  acts record;
  candidate first(on(servers.both(), 1), record);
  ASSERT_TRUE(first.wait_acts());
  servers.cut_replication();
  candidate second(on(servers.both(), 2), record);
  first.want(false);
  ASSERT_TRUE(second.wait_acts());
  first.want(true);
  const fencing_token lost = second.token();
  servers.fail_over();
  ASSERT_TRUE(wait_for([&] { return record.greatest() > lost; }, patience));
  EXPECT_TRUE(was_told(second, told::kind::lost));
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

TEST(thirty, item_25_the_first_row_of_all_may_be_lost) {
  failover servers;
  acts record;
  candidate_setup setup = on(at(servers.primary), 1);
  servers.primary.psql("SET ROLE owner;" + store::postgres::setup_sql(""));
  servers.cut_replication();
  candidate first(setup, record);
  ASSERT_TRUE(first.wait_acts());
  const fencing_token lost = first.token();
  ASSERT_FALSE(row_of(*servers.standby).there);
  servers.fail_over();
  const boot_time promoted = boot_now();
  candidate second(on(at(*servers.standby), 2), record);
  ASSERT_TRUE(second.wait_acts());
  EXPECT_GT(second.token(), lost);
  EXPECT_GE(record.first_of(second.token()) - promoted, nanoseconds{lease_length});
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

TEST(failovers, to_a_synchronous_standby_lose_nothing_and_keep_the_leader) {
  failover servers;
  servers.replicate_synchronously();
  acts record;
  auto setup = on(servers.both(), 1);
  setup.lease = seconds(2);
  candidate holder(setup, record);
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  const std::int64_t acknowledged = row_of(servers.primary).expires_us;
  const std::string epoch = servers.primary.psql("SELECT epoch FROM hedgerow_lock");
  servers.fail_over();
  EXPECT_GE(row_of(*servers.standby).expires_us, acknowledged);
  EXPECT_TRUE(
      wait_for([&] { return servers.standby->psql("SELECT epoch FROM hedgerow_lock") != epoch; },
               milliseconds(2000)))
      << "the holder writes the new epoch into its row (F12)";
  EXPECT_EQ(holder.token(), token);
  EXPECT_FALSE(was_told(holder, told::kind::lost));
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

TEST(failovers, that_take_longer_than_the_lease_are_followed_by_another_tenure) {
  failover servers;
  servers.replicate_synchronously();
  acts record;
  candidate holder(on(servers.both(), 1), record);
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  servers.primary.kill9();
  ASSERT_TRUE(holder.wait_idle());
  EXPECT_LT(boot_now() - record.last_of(token), milliseconds(500)) << "told when it ended";
  servers.standby->promote();
  ASSERT_TRUE(holder.wait_acts());
  EXPECT_GT(holder.token(), token);
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

// What is *not* promised: two primaries that can be written at once. Each has its holder.
TEST(failovers, leave_two_holders_where_the_old_primary_can_be_written_again) {
  failover servers;
  acts record;
  auto setup = on(servers.both(), 1);
  setup.lease = seconds(2);
  candidate holder(setup, record);
  ASSERT_TRUE(holder.wait_acts());
  const std::string epoch = servers.primary.psql("SELECT epoch FROM hedgerow_lock");
  servers.fail_over();
  ASSERT_TRUE(wait_for(
      [&] { return servers.standby->psql("SELECT epoch FROM hedgerow_lock") != epoch; }, patience));
  servers.primary.start();
  candidate stranded(on(at(servers.primary), 2), record);
  ASSERT_TRUE(stranded.wait_acts()) << "the old primary knows of no renewal";
  EXPECT_TRUE(wait_for([&] { return record.violations() > 0; }, patience))
      << "if this can't happen any more, the documents promise too little";
  EXPECT_TRUE(holder.acts());
}

}  // namespace
}  // namespace hedgerow::databases_test
