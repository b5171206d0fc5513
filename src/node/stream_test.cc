// Streams between nodes and clients of one process, over real sockets.

#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/node.h>

#include "node/test_secret.h"
#include "node/test_streams.h"

namespace hedgerow {
namespace {

using namespace std::chrono_literals;

options member_of(const std::string& store, const std::string& name) {
  options o;
  o.name = name;
  o.store = store;
  o.security = security_of_tests();
  o.lease = 500ms;
  o.on_stream = stream_handler::on_thread(echo);
  o.on_broadcast_stream = stream_handler::non_blocking([name](stream&) {
    stream_events e;
    e.on_message = [name](stream& s, std::string_view m) {
      EXPECT_TRUE(s.try_write(name + ":" + std::string(m)));
    };
    e.on_finished = [](stream& s) { s.finish(); };
    return e;
  });
  return o;
}

std::unique_ptr<node> started(options with) {
  auto one = node::start(std::move(with));
  if (!one) throw std::runtime_error(one.error().message());
  if (auto ok = (*one)->wait_until_member(20s); !ok) throw std::runtime_error(ok.error().message());
  return std::move(*one);
}

std::unique_ptr<client> client_of(const std::string& store, std::chrono::seconds patience = 20s) {
  client_options look;
  look.store = store;
  look.security = security_of_tests();
  auto one = client::start(look);
  if (!one) throw std::runtime_error(one.error().message());
  if (auto ok = (*one)->wait_for_leader(patience); !ok)
    throw std::runtime_error(ok.error().message());
  return std::move(*one);
}

std::string next(stream& s) {
  auto message = s.read();
  if (!message) return "error: " + message.error().message();
  return *message ? **message : "end";
}

TEST(stream, echoes_between_a_client_and_the_leader) {
  const auto store = fresh_store("stream_echo");
  const auto leader = started(member_of(store, "ann"));
  const auto from = client_of(store);
  auto s = from->open_stream({.metadata = {{"why", "test"}}});
  ASSERT_TRUE(s);
  const std::string long_one(4 * 1024 * 1024, 'x');
  for (const std::string& text : {std::string("one"), std::string(), std::string(70'000, 'y')}) {
    ASSERT_TRUE(s->write(text));
    EXPECT_EQ(next(*s), text);
  }
  ASSERT_TRUE(s->write(long_one));
  EXPECT_EQ(next(*s), long_one);
  EXPECT_EQ(s->peer(), "ann");
  EXPECT_EQ(s->token(), leader->leadership().token);
  const auto too_long = s->write(long_one + "x");
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, errc::too_large);
  s->finish();
  EXPECT_EQ(next(*s), "end");
  const auto how = s->wait();
  EXPECT_TRUE(how.outcome) << how.outcome.error().message();
  EXPECT_EQ(how.acknowledged, 4U);
}

TEST(stream, of_a_leader_to_itself) {
  const auto store = fresh_store("stream_self");
  const auto leader = started(member_of(store, "ann"));
  auto s = leader->open_stream({.opening = 20s});
  ASSERT_TRUE(s);
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(s->write(std::to_string(i)));
  s->finish();
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(next(*s), std::to_string(i));
  EXPECT_EQ(next(*s), "end");
  EXPECT_TRUE(s->wait().outcome);
}

TEST(stream, to_every_member_each_on_its_own) {
  const auto store = fresh_store("stream_all");
  const auto ann = started(member_of(store, "ann"));
  auto silent = member_of(store, "bob");
  std::promise<void> over;
  silent.on_broadcast_stream = stream_handler::on_thread([&](stream& s) -> result<void> {
    over.get_future().wait();
    s.cancel("was not in the mood");
    return {};
  });
  const auto bob = started(std::move(silent));
  const auto from = client_of(store);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (from->view()->members.size() < 2 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  auto all = from->open_streams();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  stream& talker = all->at(all->at(0).name == "ann" ? 0 : 1).stream;
  stream& mute = all->at(all->at(0).name == "ann" ? 1 : 0).stream;
  const std::string block(1000, 'b');
  // More than its window and the buffer here: it stops, and nobody else.
  bool full = false;
  for (int i = 0; i < 3000 && !full; ++i) {
    const auto room = mute.try_write(block);
    ASSERT_TRUE(room);
    full = !*room;
  }
  EXPECT_TRUE(full);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(talker.write(block));
    ASSERT_EQ(next(talker), "ann:" + block);
  }
  talker.finish();
  EXPECT_EQ(next(talker), "end");
  EXPECT_TRUE(talker.wait().outcome);
  over.set_value();
  const auto how = mute.wait();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::cancelled);
  EXPECT_NE(how.outcome.error().message().find("not in the mood"), std::string::npos);
  EXPECT_EQ(how.acknowledged, 0U);
}

TEST(stream, ends_with_its_leader_and_goes_on_at_the_next) {
  const auto store = fresh_store("stream_lost");
  std::atomic<int> executed{0};
  const auto counting = [&](const std::string& name) {
    auto o = member_of(store, name);
    o.on_stream = stream_handler::non_blocking([&](stream&) {
      stream_events e;
      e.on_message = [&](stream&, std::string_view) { ++executed; };
      e.on_finished = [](stream& s) { s.finish(); };
      return e;
    });
    return o;
  };
  auto ann = started(counting("ann"));
  const auto from = client_of(store);
  const auto bob = started(counting("bob"));
  auto first = from->open_stream();
  ASSERT_TRUE(first);
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(first->write("m"));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (first->acknowledged() < 50 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(first->acknowledged(), 50U);
  ann->stop();
  const auto how = first->wait();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::leadership_lost) << how.outcome.error().message();
  EXPECT_EQ(how.acknowledged, 50U);
  EXPECT_EQ(executed, 50);
  auto second = from->open_stream({.opening = 20s});
  ASSERT_TRUE(second);
  ASSERT_TRUE(second->write("m"));
  second->finish();
  EXPECT_TRUE(second->wait().outcome);
  EXPECT_EQ(second->peer(), "bob");
  EXPECT_EQ(executed, 51);
}

TEST(stream, handlers_that_fail_throw_or_are_not_there) {
  const auto store = fresh_store("stream_fail");
  auto with = member_of(store, "ann");
  with.on_stream = stream_handler::on_thread([](stream& s) -> result<void> {
    if (next(s) == "throw") throw std::runtime_error("thrown");
    return fail(errc::internal, "returned");
  });
  with.on_broadcast_stream = {};
  const auto ann = started(std::move(with));
  const auto from = client_of(store);
  for (const std::string text : {"throw", "return"}) {
    auto s = from->open_stream();
    ASSERT_TRUE(s);
    ASSERT_TRUE(s->write(text));
    const auto how = s->wait();
    ASSERT_FALSE(how.outcome);
    EXPECT_EQ(how.outcome.error().code, errc::handler_failed);
    EXPECT_NE(how.outcome.error().message().find(text == "throw" ? "thrown" : "returned"),
              std::string::npos);
  }
  auto all = from->open_streams();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  const auto how = all->at(0).stream.wait();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::handler_failed);
}

TEST(stream, times_out_and_is_cancelled_by_whoever_lets_it_go) {
  const auto store = fresh_store("stream_times");
  auto with = member_of(store, "ann");
  std::promise<std::string> heard;
  with.on_stream = stream_handler::on_thread([&](stream& s) -> result<void> {
    if (s.metadata().contains("let go")) {
      const auto gone = s.read();
      heard.set_value(gone ? "a message" : gone.error().message());
      return {};
    }
    return echo(s);
  });
  const auto ann = started(std::move(with));
  const auto from = client_of(store);
  auto idle = from->open_stream({.idle_timeout = 50ms});
  auto late = from->open_stream({.timeout = 50ms});
  ASSERT_TRUE(idle && late);
  EXPECT_EQ(idle->wait().outcome.error().code, errc::timed_out);
  EXPECT_EQ(late->wait().outcome.error().code, errc::timed_out);
  {
    auto dropped = from->open_stream({.metadata = {{"let go", ""}}});
    ASSERT_TRUE(dropped);
    ASSERT_TRUE(dropped->write("x"));
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (dropped->token() == 0 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
  }
  auto waiting = heard.get_future();
  ASSERT_EQ(waiting.wait_for(20s), std::future_status::ready);
}

TEST(stream, nothing_hangs_when_a_side_stops) {
  const auto store = fresh_store("stream_stop");
  auto ann = started(member_of(store, "ann"));
  auto from = client_of(store);
  auto s = from->open_stream();
  auto kept = from->open_stream();
  ASSERT_TRUE(s && kept);
  ASSERT_TRUE(s->write("a"));
  EXPECT_EQ(next(*s), "a");
  std::thread reader([&] { EXPECT_FALSE(s->read()); });
  from->stop();
  reader.join();
  from.reset();
  EXPECT_EQ(kept->wait().outcome.error().code, errc::stopped);
  EXPECT_FALSE(kept->write("b"));
  ann->stop();
  const auto after = ann->open_stream();
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, errc::stopped);
}

}  // namespace
}  // namespace hedgerow
