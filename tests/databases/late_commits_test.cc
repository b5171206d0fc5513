// Statements that are executed after whoever sent them has given up. lease.md 9, item 24.

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

constexpr microseconds lease_length{300'000};
constexpr milliseconds patience{10'000};

// Two candidates for one lock: the first by a proxy, the second directly.
struct stage {
  candidate_setup first() {
    return {.url = proxy.url(), .who = 1, .lease = lease_length, .bound = microseconds{1000}};
  }
  candidate_setup second() {
    return {.url = server.socket_url("owner"),
            .who = 2,
            .lease = lease_length,
            .bound = microseconds{1000}};
  }
  // Keeps statements of this kind, at most so many.
  void keep(statement what, int most) {
    const auto left = std::make_shared<int>(most);
    proxy.decide([what, left](const proxy_request& one) {
      return kind_of(one) == what && (*left)-- > 0 ? ruling{fate::hold_request} : ruling{};
    });
  }
  // And all that comes behind it.
  void keep_from(statement what) {
    const auto begun = std::make_shared<bool>(false);
    proxy.decide([what, begun](const proxy_request& one) {
      *begun = *begun || kind_of(one) == what;
      return *begun ? ruling{fate::hold_request} : ruling{};
    });
  }
  bool wait_kept() {
    return wait_for([&] { return proxy.kept() > 0; }, patience);
  }
  // What was kept is executed, and its outcome there to be read.
  void let_come_late() {
    proxy.decide({});
    proxy.release();
    EXPECT_TRUE(proxy.wait_settled());
  }
  bool wait_beyond(fencing_token token) {
    return wait_for([&] { return record.greatest() > token; }, patience);
  }
  void expect_no_violations() { EXPECT_EQ(record.violations(), 0U) << record.told(); }

  postgres_server server;
  postgres_proxy proxy{server};
  acts record;
};

constexpr int any_number = 1000;

TEST(thirty, item_24_a_renewal_that_comes_late_revives_nothing_and_is_waited_for) {
  stage on;
  candidate first(on.first(), on.record);
  ASSERT_TRUE(first.wait_acts());
  const fencing_token token = first.token();
  on.keep(statement::renew, any_number);
  ASSERT_TRUE(on.wait_kept());
  ASSERT_TRUE(first.wait_idle()) << "what is not acknowledged does not count (R2)";
  const row_seen before = row_of(on.server);
  on.let_come_late();
  const row_seen after = row_of(on.server);
  EXPECT_GT(after.expires_us, before.expires_us);
  EXPECT_EQ(after.token, token);
  candidate second(on.second(), on.record);
  ASSERT_TRUE(on.wait_beyond(token)) << "somebody leads again";
  EXPECT_GT(on.record.first_of(on.record.greatest()), as_boot_time(after.expires_us))
      << "the late renewal counts for those who would take";
  EXPECT_LT(on.record.last_of(token), as_boot_time(before.expires_us)) << "and for its sender not";
  on.expect_no_violations();
}

TEST(thirty, item_24_a_renewal_that_comes_after_a_take_changes_nothing) {
  stage on;
  candidate first(on.first(), on.record);
  ASSERT_TRUE(first.wait_acts());
  on.keep(statement::renew, any_number);
  ASSERT_TRUE(on.wait_kept());
  candidate second(on.second(), on.record);
  on.proxy.refuse_connections(true);  // else the first would take it again
  ASSERT_TRUE(second.wait_acts());
  const row_seen before = row_of(on.server);
  on.let_come_late();
  const row_seen after = row_of(on.server);
  EXPECT_EQ(after.token, before.token);
  EXPECT_EQ(after.holder, "candidate-2");
  EXPECT_GE(after.expires_us, before.expires_us);
  EXPECT_FALSE(first.acts());
  EXPECT_TRUE(second.acts());
  on.expect_no_violations();
}

TEST(thirty, item_24_a_take_that_comes_after_anothers_changes_nothing) {
  stage on;
  auto second = std::make_unique<candidate>(on.second(), on.record);
  ASSERT_TRUE(second->wait_acts());
  candidate first(on.first(), on.record);
  on.keep(statement::acquire, any_number);
  second.reset();
  ASSERT_TRUE(on.wait_kept());
  auto third_setup = on.second();
  third_setup.who = 3;
  candidate third(third_setup, on.record);
  ASSERT_TRUE(third.wait_acts());
  on.let_come_late();
  const row_seen after = row_of(on.server);
  EXPECT_EQ(after.holder, "candidate-3");
  EXPECT_EQ(after.token, third.token());
  EXPECT_FALSE(first.acts());
  on.expect_no_violations();
}

TEST(thirty, item_24_a_take_that_comes_late_is_found_by_its_sender_and_used) {
  stage on;
  auto second = std::make_unique<candidate>(on.second(), on.record);
  ASSERT_TRUE(second->wait_acts());
  const fencing_token token = second->token();
  candidate first(on.first(), on.record);
  on.keep(statement::acquire, 1);
  second.reset();
  ASSERT_TRUE(on.wait_kept());
  EXPECT_FALSE(first.acts()) << "it was never told that it has it";
  on.let_come_late();
  ASSERT_TRUE(first.wait_acts());
  EXPECT_GT(first.token(), token);
  EXPECT_EQ(row_of(on.server).token, first.token());
  on.expect_no_violations();
}

TEST(thirty, item_24_a_release_that_comes_late_frees_nobody_elses_lease) {
  stage on;
  candidate first(on.first(), on.record);
  ASSERT_TRUE(first.wait_acts());
  const fencing_token token = first.token();
  on.keep(statement::release, any_number);
  first.want(false);
  ASSERT_TRUE(on.wait_kept());
  EXPECT_FALSE(first.acts()) << "nothing acts once it was sent (R7)";
  first.want(true);
  candidate second(on.second(), on.record);
  ASSERT_TRUE(on.wait_beyond(token)) << "the lease ends by itself";
  on.let_come_late();
  const row_seen after = row_of(on.server);
  EXPECT_GT(after.token, token);
  EXPECT_FALSE(after.released);
  on.expect_no_violations();
}

TEST(thirty, item_24_a_row_that_is_created_late_does_not_replace_the_one_that_is_there) {
  stage on;
  on.keep_from(statement::create);  // else the first might be the one who takes the second's row
  candidate first(on.first(), on.record);
  ASSERT_TRUE(on.wait_kept());
  candidate second(on.second(), on.record);
  const auto taken = [&] {
    const row_seen row = row_of(on.server);
    return row.there && !row.released;
  };
  ASSERT_TRUE(wait_for(taken, patience));
  on.let_come_late();
  ASSERT_TRUE(second.wait_acts());
  const row_seen after = row_of(on.server);
  EXPECT_EQ(after.holder, "candidate-2");
  EXPECT_EQ(after.token, second.token());
  on.expect_no_violations();
}

}  // namespace
}  // namespace hedgerow::databases_test
