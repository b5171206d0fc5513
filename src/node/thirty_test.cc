// Items 17, 18 and 19 of the thirty (docs/guarantees.md): ends, and callbacks that block.

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <hedgerow/node.h>

#include "node/test_gate.h"
#include "node/test_streams.h"

namespace hedgerow {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto lease = 300ms;

options named(const std::string& name, const std::string& store) {
  options with;
  with.name = name;
  with.store = store;
  with.lease = lease;
  return with;
}

std::unique_ptr<node> start(options with) {
  auto started = node::start(std::move(with));
  EXPECT_TRUE(started) << started.error().message();
  return started ? std::move(*started) : nullptr;
}

TEST(thirty, item_17_to_stop_twice_is_to_stop_once) {
  gate telling;
  std::atomic<bool> led{false};
  options with = named("ann", fresh_store("item_17"));
  with.on_leadership = [&](const leadership& now) {
    if (now.leading()) led = true;
    if (led && !now.leading()) telling.pass();
  };
  const auto ann = start(with);
  ASSERT_TRUE(ann);
  ASSERT_TRUE(wait_for([&] { return led.load(); }));
  auto first = std::async(std::launch::async, [&] { ann->stop(); });
  ASSERT_TRUE(telling.wait_for_somebody()) << "it tells that it leads no more";
  auto second = std::async(std::launch::async, [&] { ann->stop(); });
  EXPECT_EQ(second.wait_for(200ms), std::future_status::timeout) << "while callbacks still run";
  telling.open();
  EXPECT_EQ(first.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(second.wait_for(20s), std::future_status::ready);
  ann->stop();
  EXPECT_FALSE(ann->leadership().leading());
}

TEST(thirty, item_18_handlers_that_block_do_not_cost_the_lease) {
  gate handling;
  options with = named("ann", fresh_store("item_18_handlers"));
  with.handler_threads = 2;
  with.on_message = handler::on_pool([&](const message_view&) -> result<std::string> {
    handling.pass();
    return std::string();
  });
  const auto ann = start(with);
  ASSERT_TRUE(ann);
  ASSERT_TRUE(wait_for([&] { return ann->leadership().leading(); }));
  const fencing_token token = ann->leadership().token;
  std::atomic<int> answered{0};
  for (int i = 0; i < 4; ++i)
    ann->send("x", 20s, [&](const result<reply>& r) {
      EXPECT_TRUE(r);
      ++answered;
    });
  ASSERT_TRUE(handling.wait_for_somebody());
  const auto begin = steady_clock::now();
  while (steady_clock::now() - begin < 4 * lease) {
    const leadership now = ann->leadership();
    ASSERT_TRUE(now.leading());
    ASSERT_EQ(now.token, token);
    std::this_thread::yield();
  }
  handling.open();
  EXPECT_TRUE(wait_for([&] { return answered == 4; }));
}

// It is against the rules to block the loop. Then the node can renew nothing and say nothing: by
// the clock its leadership ends in time all the same, and another goes on.
TEST(thirty, item_18_a_callback_that_blocks_the_loop_costs_leadership_and_no_more) {
  const auto store = fresh_store("item_18_callback");
  gate calling;
  std::atomic<bool> told_lost{false};
  std::atomic<fencing_token> told_token{0};
  options with = named("ann", store);
  with.on_leadership = [&](const leadership& now) {
    if (now.leading()) told_token = now.token;
    if (!now.leading() && told_token != 0) told_lost = true;
  };
  const auto ann = start(with);
  ASSERT_TRUE(ann);
  ASSERT_TRUE(wait_for([&] { return ann->leadership().leading(); }));
  const fencing_token token = ann->leadership().token;
  const auto bob = start(named("bob", store));
  ASSERT_TRUE(bob);
  ASSERT_TRUE(bob->wait_until_member(20s));

  ann->send("x", 20s, [&](const result<reply>&) { calling.pass(); });
  ASSERT_TRUE(calling.wait_for_somebody());
  bool both = false;
  EXPECT_TRUE(wait_for([&] {
    const bool next = bob->leadership().leading();
    both = both || (next && ann->leadership().leading());
    return next;
  })) << "the other takes over";
  EXPECT_FALSE(both);
  EXPECT_FALSE(ann->leadership().leading());
  EXPECT_GT(bob->leadership().token, token);
  EXPECT_FALSE(told_lost) << "whose thread is blocked can't be told";
  calling.open();
  EXPECT_TRUE(wait_for([&] { return told_lost.load(); }));
  EXPECT_TRUE(wait_for([&] {
    return ann->view()->members.size() == 2 && bob->view()->members.size() == 2;
  })) << "and all are together again";
}

// What a node tells, to its log and by its callbacks, are the moments at which it is stopped: at
// the first of them, at the second …
class moments {
 public:
  explicit moments(int stop_at) : stop_at_(stop_at) {}

  options watched(options with) {
    with.log_level = severity::debug;
    with.log = [this](severity, std::string_view) { moment(); };
    with.on_leadership = [this](const leadership& now) {
      leading_ = now.leading();
      moment();
    };
    with.on_view = [this](const view_change&) { moment(); };
    with.on_leader = [this](const leader_info&) { moment(); };
    with.on_member = [this](const member&) { moment(); };
    return with;
  }
  // False if so much never came.
  bool wait() {
    return wait_for([this] { return count_ >= stop_at_; });
  }
  void stopped() { stopped_ = true; }
  bool told_leading() const { return leading_; }
  bool told_after_stop() const { return late_; }

 private:
  void moment() {
    ++count_;
    if (stopped_) late_ = true;
  }

  const int stop_at_;
  std::atomic<int> count_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> late_{false};
  std::atomic<bool> leading_{false};
};

TEST(thirty, item_19_nothing_acts_after_a_stop_at_any_moment) {
  const auto store = fresh_store("item_19");
  fencing_token last = 0;
  int led = 0;
  // One that is alone tells so much until it leads, and no more.
  for (int stop_at = 0; stop_at < 7; ++stop_at) {
    moments seen(stop_at);
    options with = named("ann", store);
    with.lease = 100ms;
    const auto ann = start(seen.watched(std::move(with)));
    ASSERT_TRUE(ann);
    ASSERT_TRUE(seen.wait()) << stop_at;
    const leadership before = ann->leadership();
    ann->stop();
    seen.stopped();
    EXPECT_FALSE(ann->leadership().leading()) << "stopped at moment " << stop_at;
    EXPECT_FALSE(seen.told_leading()) << "its end was not told, at moment " << stop_at;
    if (before.leading()) {
      EXPECT_GT(before.token, last);
      last = before.token;
      ++led;
    }
    // The next begins while this one is still there: whatever it would do could be seen.
    options other = named("bob", store);
    other.lease = 100ms;
    const auto next = start(std::move(other));
    ASSERT_TRUE(next);
    EXPECT_TRUE(wait_for([&] { return next->leadership().leading(); })) << stop_at;
    EXPECT_FALSE(ann->leadership().leading());
    EXPECT_GT(next->leadership().token, last);
    last = next->leadership().token;
    next->stop();
    EXPECT_FALSE(seen.told_after_stop()) << "stopped at moment " << stop_at;
  }
  EXPECT_GT(led, 0) << "no moment was one at which it led";
}

}  // namespace
}  // namespace hedgerow
