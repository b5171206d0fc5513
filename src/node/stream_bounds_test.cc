// The bounds of streams over real sockets: room, time, handlers, and what is told at their end.

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/node.h>

#include "node/test_gate.h"
#include "node/test_secret.h"
#include "node/test_streams.h"

namespace hedgerow {
namespace {

using namespace std::chrono_literals;

class stream_bounds : public testing::Test {
 protected:
  options member_of(const std::string& name) const {
    options o;
    o.name = name;
    o.store = store;
    o.security = security_of_tests();
    o.lease = 500ms;
    o.on_stream = stream_handler::on_thread(echo);
    return o;
  }
  void lead(options with) {
    auto one = node::start(std::move(with));
    ASSERT_TRUE(one) << one.error().message();
    leader = std::move(*one);
    client_options look;
    look.store = store;
    look.security = security_of_tests();
    auto other = client::start(look);
    ASSERT_TRUE(other) << other.error().message();
    from = std::move(*other);
    ASSERT_TRUE(from->wait_for_leader(20s));
  }
  stream open(stream_options how = {}) const {
    how.opening = 20s;
    auto s = from->open_stream(how);
    EXPECT_TRUE(s);
    return *s;
  }

  const std::string store = fresh_store(
      std::string("bounds_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  gate go;
  std::unique_ptr<node> leader;
  std::unique_ptr<client> from;
};

TEST_F(stream_bounds, a_writer_waits_for_room_and_goes_on) {
  auto with = member_of("ann");
  std::atomic<std::size_t> heard{0};
  with.on_stream = stream_handler::on_thread([&](stream& s) -> result<void> {
    go.pass();
    for (;;) {
      auto message = s.read();
      if (!message) return tl::unexpected(std::move(message).error());
      if (!*message) return {};
      ++heard;
    }
  });
  lead(std::move(with));
  std::atomic<int> writable{0};
  std::promise<stream_end> ended;
  stream_options how;
  how.events.on_writable = [&](stream&) { ++writable; };
  how.events.on_end = [&](stream&, const stream_end& e) { ended.set_value(e); };
  stream s = open(how);
  const std::string block(10'000, 'b');
  std::size_t written = 0;
  // What fits: the buffer here and the first window there. Room that was told of is used, too.
  for (bool full = false; !full;) {
    const auto room = s.try_write(block);
    ASSERT_TRUE(room) << room.error().message();
    written += *room ? 1U : 0U;
    full = !*room && s.token() != 0 && writable == 0;
    if (!*room && writable > 0) {
      writable = 0;
      std::this_thread::yield();
    }
    ASSERT_LT(written * block.size(), 4U << 20U);
  }
  std::thread writer([&] {
    EXPECT_TRUE(s.write(block));
    s.finish();
  });
  EXPECT_EQ(heard, 0U);
  go.open();
  EXPECT_TRUE(wait_for([&] { return writable > 0; }));
  writer.join();
  auto end = ended.get_future();
  ASSERT_EQ(end.wait_for(20s), std::future_status::ready);
  const auto told = end.get();
  EXPECT_TRUE(told.outcome) << told.outcome.error().message();
  EXPECT_EQ(told.acknowledged, written + 1);
  EXPECT_EQ(heard, written + 1);
}

TEST_F(stream_bounds, messages_of_every_size_come_whole) {
  auto with = member_of("ann");
  lead(std::move(with));
  stream s = open();
  const std::size_t sizes[] = {0, 1, 4'096, 4'097, 65'536, 0, 65'537, 4U << 20U, 3};
  std::thread writer([&] {
    char fill = 'a';
    for (const auto size : sizes)
      EXPECT_TRUE(s.write(std::make_shared<const std::string>(size, fill++)));
    s.finish();
  });
  char fill = 'a';
  for (const auto size : sizes) {
    const auto message = s.read();
    ASSERT_TRUE(message) << message.error().message();
    ASSERT_TRUE(*message);
    EXPECT_TRUE(**message == std::string(size, fill++)) << size;
  }
  writer.join();
  EXPECT_FALSE(s.read().value());
  EXPECT_TRUE(s.wait().outcome);
}

TEST_F(stream_bounds, one_handler_too_many_is_certainly_not_executed) {
  auto with = member_of("ann");
  with.stream_threads = 1;
  lead(std::move(with));
  stream first = open();
  ASSERT_TRUE(first.write("a"));
  EXPECT_EQ(first.read().value(), "a");
  auto second = from->open_stream({.opening = 300ms});
  ASSERT_TRUE(second);
  ASSERT_TRUE(second->write("never"));
  const auto how = second->wait();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::not_executed) << how.outcome.error().message();
  EXPECT_NE(how.outcome.error().message().find("as many stream handlers as it may"),
            std::string::npos)
      << how.outcome.error().message();
  EXPECT_EQ(second->token(), 0U);
  // There is room again once the first is over.
  stream third = open();
  first.finish();
  ASSERT_TRUE(third.write("b"));
  EXPECT_EQ(third.read().value(), "b");
}

TEST_F(stream_bounds, a_handler_that_returns_early_ends_it) {
  auto with = member_of("ann");
  std::promise<result<std::optional<std::string>>> later;
  with.on_stream = stream_handler::on_thread([&](stream& s) -> result<void> {
    const auto first = s.read();
    EXPECT_TRUE(first);
    // A copy in another thread does not hang when the handler has returned.
    std::thread([&later, copy = s]() mutable { later.set_value(copy.read()); }).detach();
    return s.write("enough");
  });
  lead(std::move(with));
  stream s = open();
  ASSERT_TRUE(s.write("one"));
  EXPECT_EQ(s.read().value(), "enough");
  EXPECT_FALSE(s.read().value());
  auto copy = later.get_future();
  ASSERT_EQ(copy.wait_for(20s), std::future_status::ready);
  EXPECT_FALSE(copy.get());
  while (s.write("more")) {
  }
  const auto how = s.wait();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::cancelled);
  EXPECT_NE(how.outcome.error().message().find("has returned"), std::string::npos);
  EXPECT_EQ(how.acknowledged, 1U);
}

// The last message that is read is consumed by whoever waits for the end, without another read.
TEST_F(stream_bounds, waiting_for_the_end_says_that_the_last_message_is_read) {
  lead(member_of("ann"));
  stream s = open({.timeout = 20s});
  ASSERT_TRUE(s.write("one"));
  EXPECT_EQ(s.read().value(), "one");
  s.finish();
  const auto how = s.wait();
  EXPECT_TRUE(how.outcome) << how.outcome.error().message();
}

TEST_F(stream_bounds, a_writer_learns_that_the_handler_has_returned) {
  auto with = member_of("ann");
  with.on_stream = stream_handler::on_thread([&](stream& s) { return s.write("enough"); });
  lead(std::move(with));
  stream s = open({.timeout = 20s});
  EXPECT_EQ(s.read().value(), "enough");
  while (s.write(std::string(10'000, 'x'))) {
  }
  const auto how = s.wait();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::cancelled) << how.outcome.error().message();
}

TEST_F(stream_bounds, one_that_its_callback_lets_go_is_cancelled) {
  auto with = member_of("ann");
  with.on_stream = stream_handler::non_blocking([](stream&) { return stream_events{}; });
  lead(std::move(with));
  const auto how = open({.timeout = 20s}).wait();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::cancelled) << how.outcome.error().message();
  EXPECT_NE(how.outcome.error().message().find("let it go"), std::string::npos)
      << how.outcome.error().message();
}

// A handler that keeps its handle reads elsewhere.
TEST_F(stream_bounds, one_whose_handle_is_kept_goes_on) {
  auto with = member_of("ann");
  std::promise<stream> kept;
  with.on_stream = stream_handler::non_blocking([&](stream& s) {
    kept.set_value(s);
    return stream_events{};
  });
  lead(std::move(with));
  stream s = open({.timeout = 20s});
  ASSERT_TRUE(s.write("x"));
  auto held = kept.get_future();
  ASSERT_EQ(held.wait_for(20s), std::future_status::ready);
  stream there = held.get();
  EXPECT_EQ(there.read().value(), "x");
  ASSERT_TRUE(there.write("y"));
  EXPECT_EQ(s.read().value(), "y");
}

// Answers that had arrived are not lost with the stream.
TEST_F(stream_bounds, what_was_answered_before_it_broke_is_read) {
  auto with = member_of("ann");
  gate written;
  with.on_stream = stream_handler::on_thread([&](stream& s) -> result<void> {
    if (s.metadata().contains("echo")) return echo(s);
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(s.write(std::to_string(i)));
    written.open();
    go.pass();
    return fail(errc::internal, "out of paper");
  });
  lead(std::move(with));
  stream s = open({.timeout = 20s});
  EXPECT_EQ(s.read().value(), "0");
  written.pass();
  // What another stream brings now has left behind the three.
  stream other = open({.metadata = {{"echo", ""}}, .timeout = 20s});
  ASSERT_TRUE(other.write("x"));
  EXPECT_EQ(other.read().value(), "x");
  go.open();
  ASSERT_TRUE(wait_for([&] { return s.ended().has_value(); }));
  EXPECT_EQ(s.read().value(), "1");
  EXPECT_EQ(s.read().value(), "2");
  const auto last = s.read();
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, errc::handler_failed) << last.error().message();
}

TEST_F(stream_bounds, a_callback_may_refuse_at_once) {
  auto with = member_of("ann");
  with.on_stream = stream_handler::non_blocking([](stream& s) {
    if (s.metadata().contains("throw")) throw std::runtime_error("thrown");
    s.cancel("not today");
    return stream_events{};
  });
  lead(std::move(with));
  const auto refused = open().wait();
  ASSERT_FALSE(refused.outcome);
  EXPECT_EQ(refused.outcome.error().code, errc::cancelled);
  EXPECT_EQ(refused.outcome.error().message(), "not today");
  const auto thrown = open({.metadata = {{"throw", ""}}}).wait();
  ASSERT_FALSE(thrown.outcome);
  EXPECT_EQ(thrown.outcome.error().code, errc::handler_failed);
}

TEST_F(stream_bounds, both_sides_hear_why_it_was_cancelled) {
  auto with = member_of("ann");
  std::promise<stream_end> there;
  with.on_stream = stream_handler::non_blocking([&](stream&) {
    stream_events e;
    e.on_message = [](stream&, std::string_view) {};
    e.on_end = [&](stream&, const stream_end& how) { there.set_value(how); };
    return e;
  });
  lead(std::move(with));
  stream s = open();
  ASSERT_TRUE(s.write("x"));
  ASSERT_TRUE(wait_for([&] { return s.acknowledged() == 1; }));
  s.cancel("changed my mind");
  const auto here = s.wait();
  ASSERT_FALSE(here.outcome);
  EXPECT_EQ(here.outcome.error().code, errc::cancelled);
  EXPECT_EQ(here.acknowledged, 1U);
  EXPECT_FALSE(s.write("y"));
  auto other = there.get_future();
  ASSERT_EQ(other.wait_for(20s), std::future_status::ready);
  const auto how = other.get();
  ASSERT_FALSE(how.outcome);
  EXPECT_EQ(how.outcome.error().code, errc::cancelled);
  EXPECT_EQ(how.outcome.error().message(), "changed my mind");
}

TEST_F(stream_bounds, half_a_stream_may_go_on) {
  auto with = member_of("ann");
  with.on_stream = stream_handler::non_blocking([](stream& s) {
    s.finish();  // says nothing, and hears everything
    stream_events e;
    e.on_message = [](stream&, std::string_view) {};
    return e;
  });
  lead(std::move(with));
  stream s = open();
  EXPECT_FALSE(s.read().value());
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(s.write("x"));
  s.finish();
  const auto how = s.wait();
  EXPECT_TRUE(how.outcome) << how.outcome.error().message();
  EXPECT_EQ(how.acknowledged, 100U);
}

// Callbacks consume a message when they return, and a leader that stops says how many it had.
TEST_F(stream_bounds, numbers_come_once_and_in_order_over_a_leader_that_stops) {
  constexpr std::size_t last = 20'000;
  std::mutex lock;
  std::vector<std::size_t> heard;
  const auto counting = [&](const std::string& name) {
    auto o = member_of(name);
    o.on_stream = stream_handler::non_blocking([&](stream&) {
      stream_events e;
      e.on_message = [&](stream&, std::string_view m) {
        const std::lock_guard hold(lock);
        heard.push_back(std::stoul(std::string(m)));
      };
      e.on_finished = [](stream& s) { s.finish(); };
      return e;
    });
    return o;
  };
  lead(counting("ann"));
  const auto bob = node::start(counting("bob"));
  ASSERT_TRUE(bob && (*bob)->wait_until_member(20s));
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    EXPECT_TRUE(wait_for([&] {
      const std::lock_guard hold(lock);
      return heard.size() > 1000;
    }));
    leader->stop();
    stopped = true;
  });
  std::size_t done = 0;
  int streams = 0;
  for (bool over = false; !over && streams < 10; ++streams) {
    stream s = open();
    std::size_t next = done;
    while (next < last && s.write(std::to_string(next))) {
      if (++next == last / 2) {
        EXPECT_TRUE(wait_for([&] { return stopped.load(); }));
      }
    }
    s.finish();
    const auto how = s.wait();
    done += how.acknowledged;
    over = how.outcome.has_value();
    if (!over) {
      EXPECT_EQ(how.outcome.error().code, errc::leadership_lost) << how.outcome.error().message();
    }
  }
  stopper.join();
  EXPECT_EQ(streams, 2);
  const std::lock_guard hold(lock);
  ASSERT_EQ(heard.size(), last);
  for (std::size_t i = 0; i < last; ++i)
    ASSERT_EQ(heard[i], i);
}

TEST_F(stream_bounds, a_thousand_idle_ones_are_cheap_to_hold) {
  auto with = member_of("ann");
  with.on_stream = stream_handler::non_blocking([](stream&) {
    stream_events e;
    e.on_message = [](stream& s, std::string_view m) { EXPECT_TRUE(s.try_write(m)); };
    e.on_finished = [](stream& s) { s.finish(); };
    return e;
  });
  lead(std::move(with));
  std::vector<stream> all;
  for (int i = 0; i < 1000; ++i)
    all.push_back(open());
  for (auto& s : all)
    ASSERT_TRUE(s.write("x"));
  for (auto& s : all)
    ASSERT_EQ(s.read().value(), "x");
  for (auto& s : all)
    s.finish();
  for (auto& s : all)
    ASSERT_FALSE(s.read().value());  // what was read before is consumed with it
  for (auto& s : all)
    ASSERT_TRUE(s.wait().outcome) << s.wait().outcome.error().message();
}

TEST_F(stream_bounds, a_handle_outlives_its_client_and_metadata_has_limits) {
  lead(member_of("ann"));
  stream s = open({.metadata = {{"k", "v"}}});
  ASSERT_TRUE(s.write("a"));
  EXPECT_EQ(s.read().value(), "a");
  const auto much = from->open_stream({.metadata = {{"k", std::string(9'000, 'x')}}});
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().code, errc::invalid_argument);
  from.reset();
  leader.reset();
  EXPECT_FALSE(s.write("b"));
  EXPECT_FALSE(s.read());
  s.finish();
  s.cancel("late");
  EXPECT_EQ(s.metadata().at("k"), "v");
  EXPECT_EQ(s.written(), 1U);
  EXPECT_FALSE(s.wait().outcome);
}

}  // namespace
}  // namespace hedgerow
