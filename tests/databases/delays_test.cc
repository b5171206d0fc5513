// Statements and answers that take up to three leases, and overtake each other. lease.md 9, item 3.

#include <map>

#include <gtest/gtest.h>

#include "base/random.h"
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

constexpr milliseconds lease_length{300};

// Of `many` statements on the row one comes late, one is answered late, by up to three leases each.
postgres_proxy::judge delays(int many) {
  return [chance = base::random(7), many](const proxy_request& one) mutable -> ruling {
    if (kind_of(one) == statement::other) return {};
    const milliseconds late{chance.between(0, 3 * lease_length.count())};
    switch (chance.between(1, many)) {
      case 1:
        return {.before = late};
      case 2:
        return {.after = late};
      default:
        return {};
    }
  };
}

struct delayed_group {
  candidate_setup setup(int who, int patience_times) {
    return {.url = proxy.url(),
            .who = who,
            .lease = lease_length,
            .bound = microseconds(2000),
            .releases = true,
            .patience_times = patience_times};
  }
  // Looks at the row all the while: the expiry of one token must never fall (R6).
  // For `how_long` at least, and until there were some tenures.
  void watch_row(milliseconds how_long) {
    const boot_time until = boot_now() + how_long;
    wait_for(
        [&] {
          const row_seen now = row_of(server);
          if (now.there) {
            std::int64_t& most = expires[now.token];
            if (now.expires_us < most) fell = true;
            most = std::max(most, now.expires_us);
          }
          return boot_now() >= until && record.tokens() >= 3;
        },
        milliseconds(30'000));
  }

  postgres_server server;
  postgres_proxy proxy{server};
  acts record;
  std::map<fencing_token, std::int64_t> expires;
  bool fell = false;
};

void run_delayed(int many, int patience_times) {
  delayed_group group;
  std::vector<std::unique_ptr<candidate>> all;
  for (int who = 1; who <= 4; ++who)
    all.push_back(std::make_unique<candidate>(group.setup(who, patience_times), group.record));
  ASSERT_TRUE(wait_for([&] { return group.record.count() > 0; }, milliseconds(10'000)));
  group.proxy.decide(delays(many));
  group.watch_row(milliseconds(1500));
  EXPECT_EQ(group.record.violations(), 0U) << group.record.told();
  EXPECT_FALSE(group.fell) << "an older renewal has lowered the expiry";
  int unknown = 0;
  for (const auto& one : all)
    unknown += one->unknown_outcomes();
  std::printf("%zu acts in %zu tenures; %zu tokens in the row; outcomes unknown: %d\n",
              group.record.count(), group.record.tokens(), group.expires.size(), unknown);

  EXPECT_GE(group.record.tokens(), 3U) << "too little happened to show anything";

  group.proxy.decide({});
  const boot_time over = boot_now();
  // What was delayed before may still come, for three leases.
  EXPECT_TRUE(wait_for([&] { return group.record.first_after(over) != boot_time{}; },
                       milliseconds(lease_length + seconds(1) + 3 * lease_length)));
  EXPECT_EQ(group.record.violations(), 0U) << group.record.told();
}

TEST(thirty, item_3_statements_that_are_up_to_three_leases_late_cost_connections_and_no_safety) {
  run_delayed(3, 1);
}

TEST(thirty, item_3_answers_that_are_up_to_three_leases_late_count_for_nothing) {
  run_delayed(8, 30);
}

// Renewals that arrive in the opposite order of their sending.
TEST(thirty, item_3_renewals_that_overtake_each_other_never_lower_the_expiry) {
  postgres_server server;
  postgres_proxy proxy(server);
  acts record;
  candidate holder({.url = proxy.url(), .lease = milliseconds(1000), .bound = microseconds(1000)},
                   record);
  ASSERT_TRUE(holder.wait_acts());
  const fencing_token token = holder.token();
  // The next renewal is kept, those after it pass.
  proxy.decide([kept = false](const proxy_request& one) mutable -> ruling {
    if (kind_of(one) != statement::renew || kept) return {};
    kept = true;
    return {fate::hold_request};
  });
  ASSERT_TRUE(wait_for([&] { return proxy.kept() == 1; }, milliseconds(5000)));
  const std::int64_t first = row_of(server).expires_us;
  ASSERT_TRUE(
      wait_for([&] { return row_of(server).expires_us > first + 500'000; }, milliseconds(5000)));
  proxy.decide([](const proxy_request& one) -> ruling {
    return kind_of(one) == statement::renew ? ruling{fate::cut_before} : ruling{};
  });
  const std::int64_t later = row_of(server).expires_us;
  proxy.release();
  ASSERT_TRUE(proxy.wait_settled());
  EXPECT_GE(row_of(server).expires_us, later);
  proxy.decide({});
  EXPECT_TRUE(wait_for([&] { return row_of(server).expires_us > later; }, milliseconds(5000)));
  EXPECT_EQ(row_of(server).token, token);
  EXPECT_EQ(record.violations(), 0U) << record.told();
}

}  // namespace
}  // namespace hedgerow::databases_test
