#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/node.h>

#include "node/test_gate.h"
#include "node/test_nodes.h"
#include "node/test_streams.h"

namespace hedgerow {
namespace {

using namespace std::chrono_literals;

template <class Future>
bool waits(const Future& of) {
  return of.wait_for(200ms) == std::future_status::timeout;
}

template <class Future>
bool returns(const Future& of) {
  return of.wait_for(20s) == std::future_status::ready;
}

// What it returns was known when the wait was over; what its loop says later may be nobody.
TEST(client, waits_for_a_leader_and_then_for_nothing_else) {
  const auto store = fresh_store("client_waits");
  gate calling;
  std::atomic<bool> called{false};
  const auto leader = started(options_at(store));
  const auto one = client_at(store);
  ASSERT_TRUE(leader && one);
  const auto first = one->wait_for_leader(20s);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, "ann");
  const auto later = std::chrono::steady_clock::now() + 600ms;
  ASSERT_TRUE(wait_for([&] { return std::chrono::steady_clock::now() > later; }));
  EXPECT_TRUE(wait_for([&] {
    const auto known = one->wait_for_leader(0ms);
    return known && known->remaining > 0ms;
  })) << "its lease was renewed";

  one->send("x", 20s, [&](const result<reply>&) {
    calling.pass();
    called = true;
  });
  ASSERT_TRUE(calling.wait_for_somebody());
  const auto known = one->wait_for_leader(0ms);
  EXPECT_FALSE(called) << "it has asked the loop";
  ASSERT_TRUE(known);
  EXPECT_EQ(known->name, "ann");
  calling.open();
  one->stop();
}

// A client that is being stopped, while one of its callbacks does not return.
class client_in_its_stop : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(leader && one);
    ASSERT_TRUE(one->wait_for_leader(20s));
    one->send("x", 20s, [this](const result<reply>&) {
      calling.pass();
      asked_within = one->leader().name;
      one->stop();
      called = true;
    });
    ASSERT_TRUE(calling.wait_for_somebody());
    first = std::async(std::launch::async, [this] { one->stop(); });
    ASSERT_TRUE(wait_for([this] {
      const auto known = one->wait_until_connected(0ms);
      return !known && known.error().code == errc::stopped;
    }));
  }
  void TearDown() override { calling.open(); }

  // On another thread: what the call returns, and whether the callback had by then.
  template <class Call>
  auto beside(const Call& call) {
    return std::async(std::launch::async, [this, call] {
      auto answer = call();
      return std::pair(std::move(answer), called.load());
    });
  }

  const std::string store = fresh_store(
      std::string("client_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  gate calling;
  std::atomic<bool> called{false};
  std::string asked_within;
  std::unique_ptr<node> leader = started(options_at(store));
  std::unique_ptr<client> one = client_at(store);
  std::future<void> first;
};

TEST_F(client_in_its_stop, answers_when_its_loop_has_ended) {
  auto who = beside([this] { return one->leader(); });
  auto age = beside([this] { return one->view_age(); });
  auto reload = beside([this] { return one->reload_security(); });
  EXPECT_TRUE(waits(who)) << "what it asks is the loop's, which is in a callback";
  EXPECT_TRUE(waits(age));
  EXPECT_TRUE(waits(reload));
  calling.open();
  ASSERT_TRUE(returns(first) && returns(who) && returns(age) && returns(reload));
  const auto [known, after_who] = who.get();
  EXPECT_EQ(known.name, "ann");
  EXPECT_TRUE(after_who);
  EXPECT_TRUE(age.get().second);
  const auto [reloaded, after_reload] = reload.get();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, errc::stopped);
  EXPECT_TRUE(after_reload);
  EXPECT_EQ(one->leader().name, "ann") << "also later";
}

TEST_F(client_in_its_stop, answers_a_callback_at_once) {
  calling.open();
  ASSERT_TRUE(returns(first));
  EXPECT_TRUE(called);
  EXPECT_EQ(asked_within, "ann");
}

TEST_F(client_in_its_stop, broadcasts_no_more) {
  auto begun = beside([this] { return one->broadcast("x"); });
  ASSERT_TRUE(returns(begun));
  const auto [answers, after] = begun.get();
  ASSERT_FALSE(answers);
  EXPECT_EQ(answers.error().code, errc::stopped);
  EXPECT_FALSE(after) << "it waits for nothing";
  calling.open();
  ASSERT_TRUE(returns(first));
  const auto later = one->broadcast("x");
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, errc::stopped);
}

TEST_F(client_in_its_stop, ends_a_second_stop_with_the_first) {
  auto second = beside([this] {
    one->stop();
    return true;
  });
  EXPECT_TRUE(waits(second)) << "while a callback still runs";
  calling.open();
  ASSERT_TRUE(returns(first) && returns(second));
  EXPECT_TRUE(second.get().second);
  one->stop();
}

}  // namespace
}  // namespace hedgerow
