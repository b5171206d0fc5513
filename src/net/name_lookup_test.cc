// Names, and resolvers that take their time.

#include "net/name_lookup.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include <gtest/gtest.h>

#include "net/loop_impl.h"
#include "net/net_fixture.h"

namespace hedgerow::net {
namespace {

// A resolver that hangs until it is let go; outlives the test, as its threads may.
struct slow_resolver {
  name_answer operator()(const std::string& host) {
    std::unique_lock hold(lock);
    asked.push_back(host);
    changed.notify_all();
    changed.wait(hold, [this] { return open; });
    ++ended;
    changed.notify_all();
    return {{ip_address::loopback(AF_INET)}, {}};
  }
  void let_go() {
    const std::lock_guard hold(lock);
    open = true;
    changed.notify_all();
  }
  std::size_t count() {
    const std::lock_guard hold(lock);
    return asked.size();
  }
  void await_end(std::size_t how_many) {
    std::unique_lock hold(lock);
    changed.wait_for(hold, seconds(20), [&] { return ended == how_many; });
  }

  std::mutex lock;
  std::condition_variable changed;
  std::vector<std::string> asked;  // guarded by lock, and all below
  bool open = false;
  std::size_t ended = 0;
};

class name_lookup_test : public scene, public ::testing::Test {
 protected:
  ~name_lookup_test() override {
    slow->let_go();
    slow->await_end(slow->count());
  }
  void be_slow() {
    loop.internals().names.resolve_with([s = slow](const std::string& host) { return (*s)(host); });
  }

  std::shared_ptr<slow_resolver> slow = std::make_shared<slow_resolver>();
};

TEST_F(name_lookup_test, knows_literals_and_localhost) {
  const auto four = look_up("127.0.0.1");
  ASSERT_EQ(four.addresses.size(), 1U);
  EXPECT_TRUE(is_loopback(four.addresses[0]));
  EXPECT_EQ(look_up("::1").addresses.size(), 1U);
  const auto named = look_up("localhost");
  ASSERT_FALSE(named.addresses.empty()) << named.error;
  EXPECT_TRUE(is_loopback(named.addresses[0]));
  // Longer than a name can be, so that no server is asked.
  for (const std::string& none : {std::string(300, 'x'), std::string()}) {
    const auto unknown = look_up(none);
    EXPECT_TRUE(unknown.addresses.empty()) << none;
    EXPECT_NE(unknown.error, "") << none;
  }
  EXPECT_FALSE(look_up(std::string("localhost\0x", 11)).error.empty());
}

TEST_F(name_lookup_test, answers_within_a_turn_of_the_loop) {
  bool told = false;
  loop.internals().names.start("localhost", [&](const name_answer& answer) {
    EXPECT_TRUE(loop.internals().in_turn());
    EXPECT_TRUE(loop.on_loop_thread());
    EXPECT_FALSE(answer.addresses.empty());
    told = true;
  });
  EXPECT_FALSE(told);
  EXPECT_TRUE(until([&] { return told; }));
}

TEST_F(name_lookup_test, asks_once_for_all_who_want_a_name) {
  be_slow();
  auto& names = loop.internals().names;
  int told = 0;
  const auto first = names.start("a", [&](const name_answer&) { told += 100; });
  names.start("a", [&](const name_answer&) { ++told; });
  ASSERT_TRUE(until([&] { return slow->count() == 1; }));
  names.cancel(first);
  names.start("a", [&](const name_answer&) { ++told; });
  settle();
  EXPECT_EQ(slow->count(), 1U);
  slow->let_go();
  EXPECT_TRUE(until([&] { return told == 2; }));
}

TEST_F(name_lookup_test, runs_a_few_at_a_time) {
  be_slow();
  auto& names = loop.internals().names;
  std::size_t told = 0;
  for (std::size_t i = 0; i < 3 * name_lookups::threads_max; ++i)
    names.start("host" + std::to_string(i), [&](const name_answer&) { ++told; });
  ASSERT_TRUE(until([&] { return slow->count() == name_lookups::threads_max; }));
  settle();
  EXPECT_EQ(slow->count(), name_lookups::threads_max);
  slow->let_go();
  EXPECT_TRUE(until([&] { return told == 3 * name_lookups::threads_max; }));
}

TEST_F(name_lookup_test, does_not_ask_for_what_nobody_wants_any_more) {
  be_slow();
  auto& names = loop.internals().names;
  for (std::size_t i = 0; i < name_lookups::threads_max; ++i)
    names.start("host" + std::to_string(i), [](const name_answer&) {});
  const auto late = names.start("late", [](const name_answer&) { ADD_FAILURE(); });
  ASSERT_TRUE(until([&] { return slow->count() == name_lookups::threads_max; }));
  names.cancel(late);
  slow->let_go();
  settle();
  EXPECT_EQ(slow->count(), name_lookups::threads_max);
  bool told = false;
  names.start("late", [&](const name_answer&) { told = true; });
  EXPECT_TRUE(until([&] { return told; }));
}

// A resolver whose servers are gone takes half a minute: neither a dial nor the end waits for it.
TEST_F(name_lookup_test, delays_neither_the_deadline_of_a_dial_nor_the_end_of_the_loop) {
  auto other = std::make_unique<event_loop>();
  other->internals().names.resolve_with([s = slow](const std::string& h) { return (*s)(h); });
  node a("ann");
  a.listen(*other);
  a.net->dial("far.example:7000", {}, milliseconds(30));
  const boot_time deadline = boot_now() + seconds(20);
  while ((a.failed.empty() || slow->count() == 0) && boot_now() < deadline)
    other->run_once(milliseconds(5));
  ASSERT_EQ(a.failed.size(), 1U);
  EXPECT_EQ(a.failed[0].why, ports::dial_failure::silent);
  a.net->dial("far.example:7000", {}, seconds(10));
  other->run_once(milliseconds(5));
  EXPECT_EQ(slow->count(), 1U);
  a.net.reset();
  other.reset();
  EXPECT_EQ(slow->ended, 0U);
}

}  // namespace
}  // namespace hedgerow::net
