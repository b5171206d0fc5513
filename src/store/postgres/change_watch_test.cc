#include "store/postgres/change_watch.h"

#include <atomic>

#include <gtest/gtest.h>

#include "store/patience.h"
#include "store/postgres/postgres_connection.h"
#include "tests/postgres/bouncer.h"
#include "tests/postgres/server.h"

namespace hedgerow::store::postgres {
namespace {

using ports::lease_action;
using postgres_test::postgres_server;

target to(const std::string& url) {
  auto parsed = parse(url);
  EXPECT_TRUE(parsed) << parsed.error().message();
  return std::move(*parsed);
}

bool soon(const std::function<bool()>& holds) {
  return postgres_test::wait_for(holds, std::chrono::seconds(10));
}

class released : public testing::Test {
 protected:
  released() {
    request.row.incarnation = {1, 2};
    request.row.token = 7;
    request.row.epoch = execute(lease_action::read).epoch;
    EXPECT_TRUE(execute(lease_action::create).applied);
  }
  ports::lease_reply execute(lease_action action) {
    request.action = action;
    return db.execute({row_kind::lock, "a lock"}, request, boot_now() + seconds(10));
  }
  std::int64_t listeners() const {
    return std::stoll(
        server.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE"
                    " 'LISTEN%' AND state = 'idle'"));
  }

  postgres_server server;
  postgres_connection db{{to(server.url("owner")), "", {}}};
  ports::lease_request request;
};

TEST_F(released, lock_is_heard_of_also_after_the_server_was_away) {
  std::atomic<int> told{0};
  const auto watch = change_watch::open(to(server.url("app")), [&] { ++told; });
  ASSERT_TRUE(soon([&] { return told == 1; })) << "what came before may have been missed";
  EXPECT_EQ(execute(lease_action::renew).outcome, ports::store_outcome::done);
  ASSERT_TRUE(execute(lease_action::release).applied);
  EXPECT_TRUE(soon([&] { return told == 2; })) << told << ": a renewal tells nobody";
  server.restart();
  EXPECT_TRUE(soon([&] { return told == 3; }));
  ASSERT_TRUE(soon([&] { return execute(lease_action::release).applied; }));
  EXPECT_TRUE(soon([&] { return told == 4; }));
}

TEST_F(released, lock_is_not_listened_for_behind_a_pooler) {
  postgres_test::pgbouncer bouncer(server);
  std::atomic<int> told{0};
  const auto watch = change_watch::open(to(bouncer.url("app", "app")), [&] { ++told; });
  ASSERT_TRUE(soon([&] {
    return server.psql(
               "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT"
               " pg_backend_pid()'") != "0\n";
  })) << "it has asked";
  EXPECT_EQ(listeners(), 0);
  EXPECT_EQ(told, 0);
}

TEST_F(released, lock_is_waited_for_until_the_end_and_no_longer) {
  const boot_time before = boot_now();
  server.freeze();
  change_watch::open(to(server.url("app")), [] {}).reset();
  EXPECT_LT(boot_now() - before, seconds(2));
  server.thaw();
}

}  // namespace
}  // namespace hedgerow::store::postgres
