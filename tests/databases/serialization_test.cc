// Statements that fail because another one was quicker. lease.md 9, item 23.

#include <atomic>

#include <gtest/gtest.h>

#include "store/patience.h"
#include "tests/databases/candidate.h"
#include "tests/databases/row.h"
#include "tests/postgres/proxy.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::fate;
using postgres_test::postgres_proxy;
using postgres_test::postgres_server;
using postgres_test::proxy_request;
using postgres_test::ruling;
using postgres_test::wait_for;
using store::boot_now;

constexpr microseconds lease_length{500'000};
constexpr milliseconds patience{10'000};

// Refuses `refused` of every four statements on the row, with each code in turn.
postgres_proxy::judge storm(std::atomic<int>& refused, std::atomic<int>& count) {
  return [&refused, &count, next = 0](const proxy_request& one) mutable -> ruling {
    static const char* const codes[] = {"40001", "OC000", "OC001", "40P01"};
    if (kind_of(one) == statement::other || next++ % 4 >= refused) return {};
    return {.what = fate::refuse, .sqlstate = codes[count++ % 4]};
  };
}

TEST(thirty, item_23_a_storm_of_serialization_failures_costs_no_lease) {
  postgres_server server;
  postgres_proxy proxy(server);
  std::atomic<int> refused{3};
  std::atomic<int> count{0};
  proxy.decide(storm(refused, count));
  acts record;
  candidate holder({.url = proxy.url(), .lease = lease_length, .bound = microseconds(1000)},
                   record);
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  const boot_time begin = boot_now();
  ASSERT_TRUE(wait_for([&] { return boot_now() - begin > 3 * lease_length; }, patience));
  EXPECT_EQ(holder.token(), token);
  EXPECT_EQ(record.tokens(), 1U);
  EXPECT_EQ(holder.failed_outcomes(), 0) << "each was repeated within its deadline";
  EXPECT_GE(count, 30);
}

TEST(thirty, item_23_a_storm_that_does_not_end_costs_the_lease_in_time_and_nothing_more) {
  postgres_server server;
  postgres_proxy proxy(server);
  std::atomic<int> refused{0};
  std::atomic<int> count{0};
  proxy.decide(storm(refused, count));
  acts record;
  candidate holder({.url = proxy.url(), .lease = lease_length, .bound = microseconds(1000)},
                   record);
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  refused = 4;
  ASSERT_TRUE(holder.wait_idle());
  EXPECT_LT(record.last_of(token), as_boot_time(row_of(server).expires_us));
  refused = 0;
  const boot_time over = boot_now();
  ASSERT_TRUE(holder.wait_acts());
  EXPECT_LT(boot_now() - over, lease_length + seconds(1));
  EXPECT_GT(holder.token(), token);
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

}  // namespace
}  // namespace hedgerow::databases_test
