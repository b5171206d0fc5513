#include <algorithm>
#include <barrier>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/store/place.h"

namespace hedgerow::store {
namespace {

using ports::lease_action;
using ports::lease_reply;
using ports::lease_request;
using ports::lease_row;
using ports::store_outcome;

constexpr incarnation alice{1, 11};
constexpr incarnation bob{2, 22};

bool applied(const lease_reply& reply) {
  EXPECT_EQ(reply.outcome, store_outcome::done) << reply.error;
  return reply.applied;
}

class lease_rows : public testing::TestWithParam<const char*> {
 protected:
  // Alice's lease: token 100, expires at 1000.
  lease_request create() {
    lease_request request{.action = lease_action::create};
    request.row = {.holder = "alice",
                   .incarnation = alice,
                   .address = "127.0.0.1:7000",
                   .machine = "00c0ffee00c0ffee",
                   .token = 100,
                   .expires = {1000},
                   .lease = seconds(3),
                   .lease_max = seconds(5),
                   .safe_after = {700},
                   .released = false,
                   .epoch = epoch,
                   .scale = "boot",
                   .version = 1};
    request.earliest = {500};
    return request;
  }
  // Bob's attempt, which succeeds from 1001 on.
  lease_request acquire() {
    lease_request request{.action = lease_action::acquire};
    request.row.holder = "bob";
    request.row.incarnation = bob;
    request.row.address = "127.0.0.1:7001";
    request.row.machine = "feedfeedfeedfeed";
    request.row.token = 5000;
    request.row.expires = {4001};
    request.row.lease = seconds(2);
    request.row.epoch = epoch;
    request.row.scale = "boot";
    request.observed = 100;
    request.earliest = {1001};
    return request;
  }
  lease_request renew(std::int64_t expires) {
    lease_request request = create();
    request.action = lease_action::renew;
    request.row.expires = {expires};
    return request;
  }
  lease_request release() {
    lease_request request = create();
    request.action = lease_action::release;
    return request;
  }
  lease_request repin(std::int64_t version, std::int64_t expires) {
    lease_request request = renew(expires);
    request.action = lease_action::repin;
    request.row.version = version;
    return request;
  }
  lease_row row() { return store.read().row.value_or(lease_row{}); }

  std::unique_ptr<place> there = make_place(GetParam());
  test_store store{there->open("boot:one"), group("workers")};
  std::string epoch = store.read().epoch;
};

INSTANTIATE_TEST_SUITE_P(store, lease_rows, testing::Values("sqlite", "postgres"), name_of_place);

TEST_P(lease_rows, are_absent_at_first) {
  const auto reply = store.read();
  EXPECT_TRUE(applied(reply));
  EXPECT_EQ(reply.row, std::nullopt);
  EXPECT_TRUE(reply.epoch.starts_with("boot:one/")) << reply.epoch;
}

TEST_P(lease_rows, create_writes_every_field_once) {
  const auto first = store.execute(create());
  EXPECT_TRUE(applied(first));
  EXPECT_EQ(first.row, create().row);
  EXPECT_EQ(first.epoch, epoch);

  auto second = create();
  second.row.holder = "bob";
  const auto refused = store.execute(second);
  EXPECT_FALSE(applied(refused));
  EXPECT_EQ(refused.row, create().row);
  EXPECT_EQ(store.read().row, create().row);
}

TEST_P(lease_rows, create_is_pinned_to_the_epoch) {
  auto request = create();
  request.row.epoch = "boot:other";
  const auto reply = store.execute(request);
  EXPECT_FALSE(applied(reply));
  EXPECT_EQ(reply.row, std::nullopt);
}

TEST_P(lease_rows, acquire_takes_an_expired_lease) {
  store.execute(create());
  const auto reply = store.execute(acquire());
  ASSERT_TRUE(applied(reply));
  auto expected = acquire().row;
  expected.lease_max = seconds(5);
  expected.safe_after = {700};
  expected.version = 2;
  EXPECT_EQ(reply.row, expected);
  EXPECT_EQ(reply.epoch, epoch);
}

TEST_P(lease_rows, acquire_waits_until_earliest_is_past_the_expiry) {
  store.execute(create());
  auto request = acquire();
  request.earliest = {1000};
  const auto reply = store.execute(request);
  EXPECT_FALSE(applied(reply));
  EXPECT_EQ(reply.row, create().row);
}

TEST_P(lease_rows, acquire_takes_a_released_lease_before_it_expires) {
  store.execute(create());
  store.execute(release());
  auto request = acquire();
  request.earliest = {600};
  const auto reply = store.execute(request);
  ASSERT_TRUE(applied(reply));
  EXPECT_FALSE(reply.row->released);
}

TEST_P(lease_rows, acquire_counts_up_where_the_hint_is_behind) {
  store.execute(create());
  auto request = acquire();
  request.row.token = 7;
  EXPECT_EQ(store.execute(request).row.value_or(lease_row{}).token, 101);
}

TEST_P(lease_rows, acquire_needs_the_observed_token_the_scale_and_the_stores_epoch) {
  store.execute(create());
  auto request = acquire();
  request.observed = 99;
  EXPECT_FALSE(applied(store.execute(request)));
  request = acquire();
  request.row.scale = "utc";
  EXPECT_FALSE(applied(store.execute(request)));
  request = acquire();
  request.row.epoch = "boot:other";
  request.waited = true;
  EXPECT_FALSE(applied(store.execute(request)));
  EXPECT_EQ(row(), create().row);
  EXPECT_TRUE(applied(store.execute(acquire())));
}

TEST_P(lease_rows, R8_acquire_of_a_row_that_nobody_has_held_sets_the_wait) {
  auto unheld = create();
  unheld.row.released = true;
  unheld.row.version = 0;
  store.execute(unheld);
  auto request = acquire();
  request.row.safe_after = {9000};
  auto reply = store.execute(request);
  ASSERT_TRUE(applied(reply));
  EXPECT_EQ(reply.row->safe_after, instant{9000});
  EXPECT_EQ(reply.row->version, 1);
  request.observed = reply.row->token;
  request.earliest = {4002};
  request.row.safe_after = {20'000};
  reply = store.execute(request);
  ASSERT_TRUE(applied(reply));
  EXPECT_EQ(reply.row->safe_after, instant{9000}) << "whoever comes next inherits it";
}

TEST_P(lease_rows, acquire_over_another_epoch_must_have_waited) {
  auto old = create();
  old.row.released = true;
  store.execute(old);
  test_store later(there->open("boot:two"), group("workers"));
  auto request = acquire();
  request.row.epoch = later.read().epoch;
  EXPECT_FALSE(applied(later.execute(request)));
  request.waited = true;
  const auto reply = later.execute(request);
  ASSERT_TRUE(applied(reply));
  EXPECT_EQ(reply.row->epoch, request.row.epoch);
  EXPECT_EQ(reply.row->safe_after, instant{0});
  EXPECT_EQ(reply.row->version, 2);
}

TEST_P(lease_rows, acquire_in_the_same_epoch_does_not_care_about_waiting) {
  store.execute(create());
  auto request = acquire();
  request.earliest = {900};
  request.waited = true;
  EXPECT_FALSE(applied(store.execute(request)));
}

TEST_P(lease_rows, acquire_without_a_row_does_nothing) {
  const auto reply = store.execute(acquire());
  EXPECT_FALSE(applied(reply));
  EXPECT_EQ(reply.row, std::nullopt);
}

TEST_P(lease_rows, a_token_never_overflows) {
  auto request = create();
  request.row.token = INT64_MAX;
  store.execute(request);
  auto take = acquire();
  take.observed = INT64_MAX;
  const auto reply = store.execute(take);
  EXPECT_EQ(reply.outcome, store_outcome::failed);
  EXPECT_EQ(row().token, INT64_MAX);
}

TEST_P(lease_rows, renew_raises_the_expiry_and_never_lowers_it) {
  store.execute(create());
  const auto raised = store.execute(renew(2000));
  EXPECT_TRUE(applied(raised));
  EXPECT_EQ(raised.row->expires, instant{2000});
  const auto late = store.execute(renew(1500));
  EXPECT_TRUE(applied(late));
  EXPECT_EQ(late.row->expires, instant{2000});
}

TEST_P(lease_rows, renew_needs_token_incarnation_and_epochs) {
  store.execute(create());
  auto request = renew(2000);
  request.row.token = 99;
  EXPECT_FALSE(applied(store.execute(request)));
  request = renew(2000);
  request.row.incarnation = bob;
  EXPECT_FALSE(applied(store.execute(request)));
  test_store later(there->open("boot:two"), group("workers"));
  EXPECT_FALSE(applied(later.execute(renew(2000)))) << "the store's epoch is another";
  request = renew(2000);
  request.row.epoch = later.read().epoch;
  EXPECT_FALSE(applied(later.execute(request))) << "the row's epoch is another";
  EXPECT_EQ(row(), create().row);
}

TEST_P(lease_rows, renew_never_revives_a_released_lease) {
  store.execute(create());
  store.execute(release());
  const auto reply = store.execute(renew(2000));
  EXPECT_FALSE(applied(reply));
  EXPECT_TRUE(reply.row->released);
  EXPECT_EQ(reply.row->expires, instant{1000});
}

TEST_P(lease_rows, release_needs_token_and_incarnation_and_keeps_the_rest) {
  store.execute(create());
  auto request = release();
  request.row.token = 99;
  EXPECT_FALSE(applied(store.execute(request)));
  request = release();
  request.row.incarnation = bob;
  EXPECT_FALSE(applied(store.execute(request)));
  EXPECT_FALSE(row().released);

  auto expected = create().row;
  expected.released = true;
  for (int again = 0; again < 2; ++again) {
    const auto reply = store.execute(release());
    EXPECT_TRUE(applied(reply));
    EXPECT_EQ(reply.row, expected);
  }
}

TEST_P(lease_rows, repin_moves_a_lease_to_the_new_epoch) {
  store.execute(create());
  test_store later(there->open("boot:two"), group("workers"));
  auto request = repin(2, 900);
  EXPECT_FALSE(applied(later.execute(request))) << "not the store's epoch";
  request.row.epoch = later.read().epoch;
  const auto reply = later.execute(request);
  ASSERT_TRUE(applied(reply));
  auto expected = create().row;
  expected.epoch = request.row.epoch;
  expected.version = 2;
  EXPECT_EQ(reply.row, expected) << "and the expiry is not lowered";
  EXPECT_FALSE(applied(later.execute(request))) << "the version is used up";
  request = repin(3, 3000);
  request.row.epoch = expected.epoch;
  EXPECT_EQ(later.execute(request).row.value_or(lease_row{}).expires, instant{3000});
}

TEST_P(lease_rows, repin_needs_token_incarnation_and_a_live_lease) {
  store.execute(create());
  auto request = repin(2, 2000);
  request.row.token = 99;
  EXPECT_FALSE(applied(store.execute(request)));
  request = repin(2, 2000);
  request.row.incarnation = bob;
  EXPECT_FALSE(applied(store.execute(request)));
  store.execute(release());
  EXPECT_FALSE(applied(store.execute(repin(2, 2000))));
  EXPECT_EQ(row().version, 1);
}

TEST_P(lease_rows, of_several_groups_are_apart) {
  store.execute(create());
  test_store other(store.connections, group("others"));
  EXPECT_EQ(other.read().row, std::nullopt);
  auto request = create();
  request.row.holder = "olga";
  other.execute(request);
  other.execute(release());
  EXPECT_EQ(row(), create().row);
  EXPECT_TRUE(other.read().row->released);
}

TEST_P(lease_rows, of_locks_and_groups_are_apart) {
  store.execute(create());
  test_store lock(store.connections, {row_kind::lock, "workers"});
  EXPECT_EQ(lock.read().row, std::nullopt);
  auto request = create();
  request.row.holder = "a lock";
  request.row.epoch = lock.read().epoch;
  EXPECT_TRUE(applied(lock.execute(request)));
  EXPECT_TRUE(applied(lock.execute(release())));
  EXPECT_TRUE(lock.read().row->released);
  EXPECT_EQ(row(), create().row);
}

TEST_P(lease_rows, hold_any_name) {
  const std::vector<std::string> names{"a",
                                       "a_",
                                       "o'brien",
                                       "x'); DROP TABLE hedgerow_lease; --",
                                       "h\xc3\xa4ll\xf0\x9f\x8c\xb3",
                                       "not\xff\xfeutf8",
                                       std::string("nul\0inside", 10),
                                       std::string(255, '\"')};
  for (const auto& name : names) {
    test_store named(store.connections, group(name));
    auto request = create();
    request.row.holder = name;
    request.row.address = name;
    EXPECT_TRUE(applied(named.execute(request)));
    EXPECT_EQ(named.read().row, request.row) << name;
  }
  EXPECT_EQ(there->query("SELECT count(*) FROM hedgerow_lease"),
            std::to_string(names.size()) + "\n");
}

// Runs `request` for 8 stores at once, each on a thread of its own.
template <class Request>
std::vector<lease_reply> race(place& there, Request request) {
  constexpr int racers = 8;
  std::vector<lease_reply> replies(racers);
  std::barrier start(racers);
  std::vector<std::thread> threads;
  for (int i = 0; i < racers; ++i) {
    threads.emplace_back([&, i] {
      test_store own(there.open("boot:one"), group("workers"));
      start.arrive_and_wait();
      replies[static_cast<std::size_t>(i)] = own.execute(request(i));
    });
  }
  for (auto& t : threads)
    t.join();
  return replies;
}

TEST_P(lease_rows, are_won_by_one_of_eight) {
  const auto named = [](lease_request request, int i) {
    request.row.holder = std::to_string(i);
    request.row.incarnation = {9, static_cast<std::uint64_t>(i) + 1};
    return request;
  };
  const auto winners = [](const std::vector<lease_reply>& replies) {
    return std::count_if(replies.begin(), replies.end(), applied);
  };
  const auto created = race(*there, [&](int i) { return named(create(), i); });
  EXPECT_EQ(winners(created), 1);
  const auto acquired = race(*there, [&](int i) { return named(acquire(), i); });
  EXPECT_EQ(winners(acquired), 1);
  for (const auto& reply : acquired)
    EXPECT_EQ(reply.row, row()) << "losers see the winner";
}

TEST_P(lease_rows, that_are_malformed_are_an_error_in_words) {
  store.execute(create());
  there->query("UPDATE hedgerow_lease SET incarnation = 'zz'");
  const auto reply = store.read();
  EXPECT_EQ(reply.outcome, store_outcome::failed);
  EXPECT_EQ(reply.row, std::nullopt);
  EXPECT_NE(reply.error.find("malformed row"), std::string::npos) << reply.error;
  EXPECT_NE(reply.error.find(there->name()), std::string::npos) << reply.error;
}

}  // namespace
}  // namespace hedgerow::store
