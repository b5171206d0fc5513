#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/node.h>

#include "net/net_fixture.h"
#include "node/test_gate.h"
#include "node/test_nodes.h"
#include "node/test_streams.h"

namespace hedgerow {
namespace {

std::uint64_t value_of(const std::vector<counter>& all, std::string_view name) {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const counter& c) { return c.name == name; });
  return at == all.end() ? ~std::uint64_t{0} : at->value;
}

TEST(node, counts_what_strangers_do) {
  const auto file = std::filesystem::path(testing::TempDir()) / "node_counters.db";
  std::filesystem::remove(file);
  options with;
  with.name = "ann";
  with.store = file;
  const auto own = started(with);
  ASSERT_TRUE(own);
  node& one = *own;
  net::raw_socket noisy;
  noisy.connect(one.address());
  noisy.say("GET / HTTP/1.1\r\n\r\n");
  const boot_time deadline = net::boot_now() + seconds(20);
  while (value_of(one.counters(), "handshakes_malformed") == 0 && net::boot_now() < deadline)
    noisy.ended();
  const auto all = one.counters();
  EXPECT_EQ(value_of(all, "handshakes_malformed"), 1U);
  EXPECT_EQ(value_of(all, "connections_accepted"), 1U);
  std::set<std::string_view> names;
  for (const counter& each : all) {
    EXPECT_FALSE(each.name.empty());
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
  }
  one.stop();
  EXPECT_EQ(value_of(one.counters(), "handshakes_malformed"), 1U) << "they outlive the connections";
}

TEST(node, has_nothing_to_read_again_without_security) {
  const options with = options_at(fresh_store("node_plain"));
  const auto one = started(with);
  ASSERT_TRUE(one);
  const auto outside = client_at(with.store);
  ASSERT_TRUE(outside);
  ASSERT_TRUE(outside->wait_for_leader(milliseconds{20'000})) << "connected";
  EXPECT_TRUE(one->reload_security());
  EXPECT_TRUE(outside->reload_security());
}

TEST(node, says_of_each_call_that_it_was_stopped) {
  options with;
  with.name = "ann";
  with.store = fresh_store("node_stopped");
  const auto own = started(with);
  ASSERT_TRUE(own);
  node& one = *own;
  one.stop();
  const auto sent = one.send("x", milliseconds{20'000});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, errc::stopped);
  const auto broadcast = one.broadcast("x");
  ASSERT_FALSE(broadcast);
  EXPECT_EQ(broadcast.error().code, errc::stopped);

  std::vector<std::string> told;  // before each call returns: there is no other thread
  one.send("x", milliseconds{20'000}, [&](const result<reply>& outcome) {
    told.emplace_back(!outcome && outcome.error().code == errc::stopped ? "stopped" : "else");
  });
  one.broadcast(
      "x", {}, [&](const member_reply&) { told.emplace_back("each"); },
      [&] { told.emplace_back("done"); });
  EXPECT_EQ(told, (std::vector<std::string>{"stopped", "done"}));
}

TEST(node, takes_the_longest_time_there_is) {
  constexpr auto longest = milliseconds::max();
  options with = options_at(fresh_store("node_longest"));
  const auto answer = [](const message_view&) { return result<std::string>("here"); };
  with.on_message = handler::non_blocking(answer);
  with.on_broadcast = handler::non_blocking(answer);
  with.on_stream = stream_handler::on_thread(echo);
  const auto own = started(with);
  const auto outside = client_at(with.store);
  ASSERT_TRUE(own && outside);
  node& one = *own;
  ASSERT_TRUE(one.wait_until_member(longest)) << "it is none at first";
  ASSERT_TRUE(outside->wait_until_connected(longest));
  ASSERT_TRUE(outside->wait_for_leader(longest));

  const auto expect_all = [&](auto& asked) {
    EXPECT_TRUE(asked.send("x", longest));
    const auto all = asked.broadcast("x", {.timeout = longest});
    ASSERT_TRUE(all && all->size() == 1);
    EXPECT_TRUE(all->front().answer);
    stream_options how;
    how.opening = longest;
    how.timeout = longest;
    auto opened = asked.open_stream(how);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->write("x"));
    const auto echoed = opened->read();
    ASSERT_TRUE(echoed && *echoed);
    EXPECT_EQ(**echoed, "x");
    opened->finish();
  };
  expect_all(one);
  expect_all(*outside);
}

// A node that opens streams to all others whenever it is told of a view.
class greeter {
 public:
  explicit greeter(options with) {
    with.on_view = [this](const view_change& change) { greet(*change.current); };
    auto one = node::start(std::move(with));
    if (!one) return;
    made_.set_value(one->get());
    self_ = std::move(*one);
  }
  ~greeter() { block.open(); }
  node* operator->() { return self_.get(); }
  bool started() const { return self_ != nullptr; }
  // Under so many incarnations it was in a view.
  std::size_t lives() const {
    const std::lock_guard hold(lock_);
    return lives_.size();
  }

  gate block;

 private:
  void greet(const view& all) {
    node& self = *known_.get();
    {
      const std::lock_guard hold(lock_);
      for (const member& each : all.members) {
        if (each.name == self.name()) lives_.insert(each.incarnation);
      }
    }
    const auto opened = self.open_streams({}, true);
    if (!opened) return;  // it is stopped
    for (const member_stream& each : *opened)
      EXPECT_NE(each.name, self.name());
  }

  std::promise<node*> made_;
  std::shared_future<node*> known_ = made_.get_future().share();
  mutable std::mutex lock_;
  std::set<hedgerow::incarnation> lives_;  // guarded by lock_
  std::unique_ptr<node> self_;             // goes first
};

TEST(node, leaves_itself_out_also_within_the_first_view_of_each_life) {
  options with;
  with.store = fresh_store("node_greets");
  with.lease = milliseconds{300};
  std::vector<std::unique_ptr<node>> others;
  for (const auto* name : {"bob", "cid"}) {
    with.name = name;
    auto one = node::start(with);
    ASSERT_TRUE(one) << one.error().message();
    ASSERT_TRUE((*one)->wait_until_member(milliseconds{20'000}));
    others.push_back(std::move(*one));
  }
  with.name = "ann";
  greeter ann(with);
  ASSERT_TRUE(ann.started());
  ASSERT_TRUE(ann->wait_until_member(milliseconds{20'000}));
  EXPECT_EQ(ann.lives(), 1U);

  ann->send("x", milliseconds{20'000}, [&](const result<reply>&) { ann.block.pass(); });
  ASSERT_TRUE(ann.block.wait_for_somebody());
  ASSERT_TRUE(wait_for([&] { return others[0]->view()->members.size() == 2; })) << "it is removed";
  ann.block.open();
  EXPECT_TRUE(wait_for([&] { return ann.lives() == 2; })) << "and joins again";
}

// Longer than one lease, on the leader and beside it.
TEST(node, knows_what_remains_of_a_lease_that_is_renewed) {
  options with = options_at(fresh_store("node_remaining"));
  const auto ann = started(with);
  ASSERT_TRUE(ann);
  ASSERT_TRUE(wait_for([&] { return ann->leadership().leading(); }));
  with.name = "bob";
  const auto bob = started(with);
  ASSERT_TRUE(bob);
  ASSERT_TRUE(wait_for([&] { return bob->leader().known(); }));
  const boot_time later = net::boot_now() + 2 * with.lease;
  ASSERT_TRUE(wait_for([&] { return net::boot_now() > later; }));
  const auto some_remains = [&](const node& one) {
    return wait_for([&] {
      const leader_info known = one.leader();
      return known.known() && known.remaining > milliseconds{0};
    });
  };
  EXPECT_TRUE(some_remains(*ann));
  EXPECT_TRUE(some_remains(*bob));
}

// A callback that asks again for each answer keeps the loop busy, and must not keep it to itself.
TEST(node, renews_its_lease_while_it_asks_itself_without_end) {
  options with = options_at(fresh_store("node_chain"));
  with.on_message = handler::non_blocking([](const message_view&) { return std::string("y"); });
  const auto own = started(with);
  ASSERT_TRUE(own);
  node& one = *own;
  ASSERT_TRUE(wait_for([&] { return one.leadership().leading(); }));
  const auto token = one.leadership().token;
  std::atomic<int> answers{0};
  std::atomic<bool> enough{false};
  std::function<void(const result<reply>&)> again = [&](const result<reply>& r) {
    if (r) ++answers;
    if (!enough) one.send("x", milliseconds{20'000}, again);
  };
  one.send("x", milliseconds{20'000}, again);
  const auto end = std::chrono::steady_clock::now() + 4 * with.lease;
  while (std::chrono::steady_clock::now() < end && one.leadership().leading())
    std::this_thread::yield();
  EXPECT_TRUE(one.leadership().leading());
  EXPECT_EQ(one.leadership().token, token);
  EXPECT_GT(answers, 100);
  enough = true;
  one.stop();
}

// Nobody waits for an answer that can't come, wherever the handler runs.
TEST(node, says_that_an_answer_is_over_its_limit) {
  options with = options_at(fresh_store("node_answers"));
  with.payload_bytes_max = 100;
  const auto twice = [](const message_view& m) {
    return result<std::string>(std::string(m.payload) + std::string(m.payload));
  };
  with.on_message = handler::on_pool(twice);
  with.on_broadcast = handler::non_blocking(twice);
  const auto own = started(with);
  const auto outside = client_at(with.store);
  ASSERT_TRUE(own && outside);
  node& one = *own;
  ASSERT_TRUE(outside->wait_for_leader(milliseconds{20'000}));
  ASSERT_TRUE(wait_for([&] { return one.leadership().leading(); }));

  const auto expect_told = [](const auto& outcome) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, errc::handler_failed);
    EXPECT_EQ(outcome.error().message(), "the answer has 102 bytes, the limit is 100");
  };
  const std::string fits(50, 'x');
  const std::string half(51, 'x');
  EXPECT_TRUE(outside->send(fits, milliseconds{20'000}));
  expect_told(outside->send(half, milliseconds{20'000}));
  expect_told(one.send(half, milliseconds{20'000}));
  const auto all = outside->broadcast(half, {.timeout = milliseconds{20'000}});
  ASSERT_TRUE(all && all->size() == 1);
  expect_told(all->front().answer);
}

}  // namespace
}  // namespace hedgerow
