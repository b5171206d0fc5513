// A transaction that stays open while the lease is renewed thousands of times: no version of the
// row can be removed. Lease reference 7: what it costs.
//
// HEDGEROW_SNAPSHOT_RENEWALS: how many; 2000 by default.

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

#include "store/patience.h"
#include "store/postgres/postgres_connection.h"
#include "tests/postgres/server.h"
#include "tests/postgres/session.h"

namespace hedgerow::databases_test {
namespace {

using ports::lease_action;
using postgres_test::postgres_server;
using store::boot_now;

std::int64_t bytes_of_table(const postgres_server& server) {
  return std::stoll(server.psql("SELECT pg_total_relation_size('hedgerow_lock')"));
}

// In microseconds.
std::int64_t median(std::vector<std::int64_t> all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2),
                   all.end());
  return all[all.size() / 2];
}

TEST(snapshots, that_stay_open_let_the_table_grow_and_nothing_else) {
  const char* wanted = std::getenv("HEDGEROW_SNAPSHOT_RENEWALS");
  const int renewals = wanted == nullptr ? 2000 : std::max(1000, std::atoi(wanted));
  postgres_server server;
  const auto to = store::postgres::parse(server.socket_url("owner"));
  ASSERT_TRUE(to);
  store::postgres::postgres_connection db({*to, "", {}});
  const store::row_key key{store::row_kind::lock, "contended"};
  const auto run = [&](const ports::lease_request& request) {
    return db.execute(key, request, boot_now() + seconds(10));
  };
  ports::lease_request request{.action = lease_action::create};
  request.row.incarnation = {1, 2};
  request.row.token = 100;
  request.row.epoch = run({}).epoch;
  request.row.scale = "utc";
  ASSERT_TRUE(run(request).applied);

  postgres_test::session open(server.socket_url());
  ASSERT_EQ(open.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT token FROM hedgerow_lock"),
            "100\n");
  const std::int64_t before = bytes_of_table(server);
  request.action = lease_action::renew;
  std::vector<std::int64_t> took;
  for (int i = 1; i <= renewals; ++i) {
    request.row.expires = {i};
    const boot_time begin = boot_now();
    const auto reply = run(request);
    ASSERT_TRUE(reply.applied) << reply.error;
    ASSERT_EQ(reply.row->expires, instant{i});
    took.push_back((boot_now() - begin) / microseconds(1));
  }
  const std::int64_t after = bytes_of_table(server);
  const std::vector<std::int64_t> first(took.begin(), took.begin() + 500);
  const std::vector<std::int64_t> last(took.end() - 500, took.end());
  std::printf(
      "%d renewals: the table grew from %lld to %lld bytes; median %lld us, at the end %lld\n",
      renewals, static_cast<long long>(before), static_cast<long long>(after),
      static_cast<long long>(median(first)), static_cast<long long>(median(last)));
  EXPECT_GT(after, before) << "else nothing was held open";
  EXPECT_LT((after - before) / renewals, 1000) << "bytes for each renewal";
  EXPECT_EQ(open.query("SELECT expires_us FROM hedgerow_lock; COMMIT"), "");

  server.psql("VACUUM hedgerow_lock");
  const std::int64_t vacuumed = bytes_of_table(server);
  for (int i = 1; i <= 500; ++i) {
    request.row.expires = {renewals + i};
    ASSERT_TRUE(run(request).applied);
  }
  EXPECT_LE(bytes_of_table(server), vacuumed) << "once it is over, room is used again";
}

}  // namespace
}  // namespace hedgerow::databases_test
