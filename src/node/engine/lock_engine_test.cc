// Candidates for one lock, over a row that obeys the contract of ports/store.h, and a clock that
// goes only when told.

#include "node/engine/lock_engine.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "core/lease/lease_stand.h"

namespace hedgerow::engine {
namespace {

using namespace std::chrono_literals;
using ports::lease_action;

struct shared_row {
  std::optional<ports::lease_row> row;
  std::string epoch = "e1";
  reading now{{{999'999'000}, {1'000'001'000}, clock_status::synchronized, 1'000'000},
              {10'000'000'000}};

  void pass(nanoseconds d) {
    now.boot = now.boot + d;
    const auto us = std::chrono::duration_cast<microseconds>(d);
    now.truth.earliest = now.truth.earliest + us;
    now.truth.latest = now.truth.latest + us;
    now.truth.token_hint += us.count();
  }
  // One that was used before, and is free.
  void used() {
    row.emplace();
    row->token = 5;
    row->version = 1;
    row->lease_max = 3s;
    row->released = true;
    row->epoch = epoch;
    row->scale = "utc";
  }
};

class candidate : public lock_listener,
                  private ports::clock,
                  private ports::store,
                  private ports::timers,
                  private ports::log {
 public:
  candidate(shared_row& in, std::uint64_t seed, microseconds lease = 3s) : in_(in) {
    lock_options o;
    o.name = "l";
    o.holder = "h" + std::to_string(seed);
    o.lease.lease = lease;
    o.lease.on_demand = true;
    o.lease.poll_period = lease / 4;
    o.seed = seed;
    engine = std::make_unique<lock_engine>(std::move(o), lock_ports{*this, *this, *this, *this},
                                           static_cast<lock_listener&>(*this));
  }

  // Answers what is asked until nothing is.
  void settle() {
    while (!open.empty())
      reply();
  }
  ports::lease_reply reply() {
    const auto [id, request] = open.front();
    open.pop_front();
    const auto answer = core::execute(in_.row, in_.epoch, request);
    engine->on_lease_reply(id, answer);
    return answer;
  }
  // Sleeps until the engine wants to be woken.
  void wake() {
    ASSERT_NE(at, boot_time::never());
    if (at > in_.now.boot) in_.pass(at - in_.now.boot);
    engine->on_wake();
  }
  void acquire(nanoseconds patience = 60s) {
    ASSERT_TRUE(engine->acquire(in_.now.boot + patience));
  }
  // Whether it was executed or not: the engine does not know.
  void lose_reply(bool executed) {
    const auto [id, request] = open.front();
    open.pop_front();
    if (executed) core::execute(in_.row, in_.epoch, request);
    engine->on_lease_reply(id, {ports::store_outcome::unknown, false, {}, {}, "cut"});
  }
  void wake_until_it_asks() {
    for (int wakes = 0; open.empty() && wakes < 1000; ++wakes)
      wake();
    ASSERT_FALSE(open.empty());
  }
  void hold() {
    acquire();
    settle();
    EXPECT_EQ(take_told(), "acquired ");
  }
  bool held() const { return engine->cell().judge(in_.now.truth).leading(); }
  std::string take_told() { return std::exchange(told, {}); }

  void on_acquired(fencing_token t) override {
    token = t;
    EXPECT_TRUE(held()) << "within the call, too";
    tell("acquired");
  }
  void on_not_acquired(const error& why) override {
    last_no = why;
    tell("no");
  }
  void on_released() override { tell("released"); }
  void on_suspended(fencing_token) override { told += "suspended "; }
  void on_resumed(fencing_token t) override {
    EXPECT_EQ(t, token);
    told += "resumed ";
  }
  void on_lost(fencing_token t, const std::string&) override {
    EXPECT_EQ(t, token);
    EXPECT_FALSE(held());
    told += "lost ";
  }
  void on_extended(fencing_token) override { tell("extended"); }
  void on_waiting(milliseconds, const std::string&) override { told += "waiting "; }
  void on_queued() override { told += "queued "; }
  void on_freed() override { told += "freed "; }
  void on_store(bool available, const std::string&) override {
    if (available) act_on("store");
  }

  std::unique_ptr<lock_engine> engine;
  std::deque<std::pair<ports::request_id, ports::lease_request>> open;
  std::string told;
  std::optional<error> last_no;
  fencing_token token = 0;
  boot_time at = boot_time::never();
  std::map<std::string, std::function<void()>> then;  // done once, within what is told

 private:
  void tell(const std::string& what) {
    told += what + " ";
    act_on(what);
  }
  void act_on(const std::string& what) {
    if (const auto act = std::exchange(then[what], nullptr)) act();
  }

  reading now() noexcept override { return in_.now; }
  std::string_view scale() const noexcept override { return "utc"; }
  std::string epoch() const override { return {}; }
  std::string_view source() const noexcept override { return "test"; }
  void submit(ports::request_id id, ports::lease_request request, nanoseconds) override {
    EXPECT_FALSE(request.action == lease_action::release && held()) << "R7";
    open.emplace_back(id, std::move(request));
  }
  void submit(ports::request_id, ports::view_request, nanoseconds) override { FAIL(); }
  void wake_at(boot_time when) override { at = when; }
  void write(severity, std::string_view) override {}
  bool wants(severity) const override { return false; }

  shared_row& in_;
};

TEST(lock_engine, acquires_extends_and_releases) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  EXPECT_TRUE(a.open.empty()) << "nothing is asked before the lock is wanted";
  a.acquire();
  a.settle();
  EXPECT_EQ(a.take_told(), "acquired ");
  EXPECT_GT(a.token, 5);
  EXPECT_TRUE(a.held());
  a.wake();
  a.settle();
  EXPECT_EQ(a.take_told(), "extended ");
  a.engine->release();
  EXPECT_FALSE(a.held()) << "R7: before the store knows";
  a.settle();
  EXPECT_EQ(a.take_told(), "freed released ");
  EXPECT_TRUE(row.row->released);
}

TEST(lock_engine, the_second_gets_it_after_the_first_with_a_greater_token) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  candidate b(row, 2);
  EXPECT_NE(a.engine->incarnation(), b.engine->incarnation());
  a.acquire();
  a.settle();
  b.acquire();
  b.settle();
  EXPECT_EQ(b.take_told(), "queued ");
  a.engine->release();
  a.settle();
  row.pass(10ms);
  b.engine->look();
  b.settle();
  EXPECT_EQ(b.take_told(), "acquired ");
  EXPECT_GT(b.token, a.token);
}

TEST(lock_engine, who_waits_in_vain_is_told_who_holds_it) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  candidate b(row, 2);
  a.acquire();
  a.settle();
  b.acquire(300ms);
  b.settle();
  b.take_told();
  b.wake();
  EXPECT_EQ(b.take_told(), "no ");
  EXPECT_EQ(b.last_no->code, errc::not_acquired);
  EXPECT_NE(b.last_no->message().find("h1"), std::string::npos) << b.last_no->message();
  b.settle();
  EXPECT_EQ(b.at, boot_time::never()) << "nothing is left to do";
}

TEST(lock_engine, a_take_that_comes_too_late_is_given_back) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.acquire(100ms);
  a.reply();  // read
  ASSERT_EQ(a.open.front().second.action, lease_action::acquire);
  a.wake();
  EXPECT_EQ(a.take_told(), "no ");
  a.settle();
  EXPECT_EQ(a.take_told(), "freed ");
  EXPECT_FALSE(a.held());
  EXPECT_TRUE(row.row->released);
}

TEST(lock_engine, an_attempt_ends_with_the_stores_word) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  candidate b(row, 2);
  ASSERT_TRUE(a.engine->attempt());
  a.settle();
  EXPECT_EQ(a.take_told(), "acquired ");
  ASSERT_TRUE(b.engine->attempt());
  EXPECT_EQ(b.take_told(), "");
  b.settle();
  EXPECT_EQ(b.take_told(), "no ");
  a.engine->release();
  a.settle();
  // What b knows is a moment old, and says that a holds it.
  row.pass(20ms);
  ASSERT_TRUE(b.engine->attempt());
  b.settle();
  EXPECT_EQ(b.take_told(), "acquired ");
}

TEST(lock_engine, an_attempt_on_a_store_that_is_silent_ends_too) {
  shared_row row;
  candidate a(row, 1);
  const auto from = row.now.boot;
  ASSERT_TRUE(a.engine->attempt());
  for (int i = 0; i < 100 && a.told.empty(); ++i) {
    a.open.clear();
    a.wake();
  }
  EXPECT_EQ(a.take_told(), "no ");
  EXPECT_LE(row.now.boot - from, 1500ms);
}

TEST(lock_engine, a_new_lock_cools_off_and_an_attempt_says_so) {
  shared_row row;
  candidate a(row, 1);
  ASSERT_TRUE(a.engine->attempt());
  a.settle();
  EXPECT_EQ(a.take_told(), "waiting no freed ");
  EXPECT_NE(a.last_no->message().find("new"), std::string::npos) << a.last_no->message();
  a.acquire();
  a.settle();
  EXPECT_EQ(a.take_told(), "waiting ") << "the row's wait is inherited (R8)";
  EXPECT_FALSE(a.held());
  const auto from = row.now.boot;
  for (int i = 0; i < 100 && a.told.empty(); ++i) {
    a.wake();
    a.settle();
  }
  EXPECT_EQ(a.take_told(), "acquired ");
  EXPECT_GT(row.now.boot - from, 3s);
  EXPECT_LT(row.now.boot - from, 3300ms);
}

TEST(lock_engine, a_lost_clock_suspends_and_resumes_under_the_same_token) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.hold();
  row.now.truth.status = clock_status::unknown;
  a.wake();
  EXPECT_EQ(a.take_told(), "suspended ");
  EXPECT_FALSE(a.held());
  candidate b(row, 2);
  ASSERT_TRUE(b.engine->attempt());
  EXPECT_EQ(b.take_told(), "no ") << "no wait for a clock";
  row.now.truth.status = clock_status::synchronized;
  a.wake();
  EXPECT_EQ(a.take_told(), "resumed ");
  EXPECT_TRUE(a.held());
}

TEST(lock_engine, R10_a_store_that_is_silent_loses_it_in_time_and_it_is_not_taken_again) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.hold();
  const instant expires = row.row->expires;
  for (int i = 0; i < 1000 && a.told.empty(); ++i) {
    a.open.clear();
    a.wake();
  }
  EXPECT_EQ(a.take_told(), "lost ");
  EXPECT_LT(row.now.truth.latest, expires);
  row.pass(1h);
  a.engine->on_wake();
  EXPECT_TRUE(a.open.empty());
  a.acquire();
  a.settle();
  EXPECT_EQ(a.take_told(), "acquired ");
}

TEST(lock_engine, a_release_ends_an_acquire) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  candidate b(row, 2);
  a.acquire();
  a.settle();
  b.acquire();
  b.settle();
  b.take_told();
  b.engine->release();
  b.settle();
  EXPECT_EQ(b.take_told(), "no released ");
  EXPECT_EQ(b.last_no->code, errc::stopped);
}

TEST(lock_engine, a_release_that_is_not_answered_ends_with_its_patience) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.hold();
  const auto from = row.now.boot;
  a.engine->release();
  a.engine->release();
  EXPECT_FALSE(a.engine->acquire(row.now.boot + 1s)) << "not before it is over";
  for (int i = 0; i < 100 && a.told.empty(); ++i) {
    a.open.clear();
    a.wake();
  }
  EXPECT_EQ(a.take_told(), "released ");
  EXPECT_EQ(row.now.boot - from, 1500ms);
}

TEST(lock_engine, misuse_is_refused_and_changes_nothing) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.acquire();
  EXPECT_EQ(a.engine->acquire(row.now.boot + 1s).error().code, errc::invalid_argument);
  a.settle();
  EXPECT_EQ(a.engine->attempt().error().code, errc::invalid_argument);
  EXPECT_EQ(a.take_told(), "acquired ");
  EXPECT_TRUE(a.held());
}

TEST(lock_engine, R4_a_longer_lease_than_the_first_users_is_refused) {
  shared_row row;
  row.used();
  row.row->lease_max = 1s;
  candidate a(row, 1);
  a.acquire();
  a.settle();
  EXPECT_EQ(a.take_told(), "no ");
  EXPECT_EQ(a.last_no->code, errc::lease_too_long);
  a.acquire();
  EXPECT_EQ(a.take_told(), "no ") << "for good";
}

TEST(lock_engine, the_owner_may_release_from_within_what_it_is_told) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.then["acquired"] = [&] { a.engine->release(); };
  a.acquire();
  a.settle();
  EXPECT_EQ(a.take_told(), "acquired freed released ");
  EXPECT_TRUE(row.row->released);
}

TEST(lock_engine, R7_is_not_held_again_where_the_owner_releases_it_for_word_of_the_store) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.acquire();
  a.reply();
  a.lose_reply(true);  // it is taken
  a.wake_until_it_asks();
  a.lose_reply(false);
  a.wake_until_it_asks();
  a.then["store"] = [&] { a.engine->release(); };
  a.reply();  // the store is there again, and the take had gone well
  EXPECT_FALSE(a.held());
  a.settle();
  EXPECT_EQ(a.take_told(), "no freed released ");
  EXPECT_TRUE(row.row->released);
}

TEST(lock_engine, a_release_within_word_of_an_extension_leaves_at_once) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  a.hold();
  a.then["extended"] = [&] { a.engine->release(); };
  a.wake_until_it_asks();
  a.reply();
  ASSERT_FALSE(a.open.empty());
  EXPECT_EQ(a.open.front().second.action, lease_action::release);
  a.settle();
  EXPECT_EQ(a.take_told(), "extended freed released ");
}

TEST(lock_engine, a_release_with_nothing_to_release_is_over_at_once) {
  shared_row row;
  row.used();
  candidate a(row, 1);
  candidate b(row, 2);
  a.acquire();
  a.settle();
  b.then["no"] = [&] { b.engine->release(); };
  ASSERT_TRUE(b.engine->attempt());
  b.settle();
  EXPECT_EQ(b.take_told(), "no released ");
}

}  // namespace
}  // namespace hedgerow::engine
