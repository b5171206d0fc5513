#include "net/transport.h"

#include <atomic>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "net/test_guest.h"

namespace hedgerow::net {
namespace {

class transport_test : public guest_scene, public ::testing::Test {};

TEST_F(transport_test, introduces_both_sides) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  EXPECT_NE(at_a, 0U);
  EXPECT_EQ(a.opened.back().second.name, "bob");
  EXPECT_EQ(a.opened.back().second.address, b.net->address());
  EXPECT_EQ(a.opened.back().second.incarnation, b.self.incarnation);
  EXPECT_EQ(b.opened.back().second.name, "ann");
  EXPECT_EQ(b.opened.back().second.role, ports::peer_role::member);
  EXPECT_EQ(b.opened.back().second.incarnation, a.self.incarnation);
}

TEST_F(transport_test, lets_clients_in) {
  node server("ann");
  node client("");
  server.listen(loop);
  client.connect_only(loop);
  EXPECT_EQ(client.net->address(), "");
  const auto id = client.net->dial(server.net->address(), {}, seconds(10));
  ASSERT_TRUE(until([&] { return !client.opened.empty() && !server.opened.empty(); }));
  EXPECT_EQ(client.opened.back().first, id);
  EXPECT_EQ(server.opened.back().second.role, ports::peer_role::client);
}

TEST_F(transport_test, carries_messages_both_ways_in_order) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    ASSERT_TRUE(a.net->send(at_a, request_of(std::to_string(i), i)));
    ASSERT_TRUE(b.net->send(at_b, message::probe{i, {1, i}}));
  }
  ASSERT_TRUE(until([&] { return a.heard.size() == 1000 && b.heard.size() == 1000; }));
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(a.heard_as<message::probe>(i).nonce, i + 1);
    EXPECT_EQ(a.heard_as<message::probe>(i).view.sequence, i + 1);
    EXPECT_EQ(b.heard_as<message::request>(i).id, i + 1);
    EXPECT_EQ(*b.heard_as<message::request>(i).payload, std::to_string(i + 1));
  }
  EXPECT_EQ(a.heard.back().first, at_a);
  EXPECT_EQ(b.heard.back().first, at_b);
}

TEST_F(transport_test, carries_large_payloads_both_ways) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  std::string large(limits::payload_bytes_default, '\0');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>(i * 2654435761U >> 24);
  const auto payload = make_bytes(large);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    message::request ask;
    ask.id = i;
    ask.payload = payload;
    ASSERT_TRUE(a.net->send(at_a, ask));
    message::reply answer;
    answer.id = i;
    answer.payload = payload;
    ASSERT_TRUE(b.net->send(at_b, answer));
  }
  ASSERT_TRUE(until([&] { return a.heard.size() == 3 && b.heard.size() == 3; }));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(*a.heard_as<message::reply>(i).payload == large);
    EXPECT_TRUE(*b.heard_as<message::request>(i).payload == large);
  }
  message::request over;
  over.payload = make_bytes(large + "x");
  EXPECT_FALSE(a.net->send(at_a, over));
}

TEST_F(transport_test, lets_control_overtake_payloads) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  for (std::uint64_t i = 1; i <= 10; ++i)
    ASSERT_TRUE(a.net->send(at_a, request_of(std::string(4'000'000, 'p'), i)));
  // Part of the first is on its way.
  ASSERT_TRUE(until([&] { return !b.heard.empty(); }));
  ASSERT_TRUE(a.net->send(at_a, message::probe{1, {}}));
  ASSERT_TRUE(until([&] { return b.heard.size() == 11; }));
  EXPECT_FALSE(std::holds_alternative<message::probe>(b.heard.back().second));
}

TEST_F(transport_test, says_when_the_queue_is_full) {
  node a("ann");
  node b("bob");
  transport_options small;
  small.queue_bytes_max = 100'000;
  a.listen(loop, small);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  std::size_t sent = 0;
  // Within one turn nothing leaves.
  while (a.net->send(at_a, request_of(std::string(10'000, 'p'))))
    ++sent;
  EXPECT_EQ(sent, 9U);
  EXPECT_TRUE(a.net->send(at_a, message::probe{}));  // has room of its own
  ASSERT_TRUE(until([&] { return b.heard.size() == sent + 1; }));
  EXPECT_TRUE(a.net->send(at_a, request_of("again")));
}

TEST_F(transport_test, answers_from_within_callbacks) {
  node a("ann");
  node b("bob");
  b.when_open = [&](ports::connection_id id) {
    EXPECT_TRUE(b.net->send(id, message::subscribe{}));
  };
  b.when_heard = [&](ports::connection_id id, const message::any& what) {
    EXPECT_TRUE(b.net->send(id, what));
  };
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  ASSERT_TRUE(a.net->send(at_a, request_of("ping", 5)));
  ASSERT_TRUE(until([&] { return a.heard.size() == 2; }));
  EXPECT_TRUE(std::holds_alternative<message::subscribe>(a.heard[0].second));
  EXPECT_EQ(a.heard_as<message::request>(1).id, 5U);
}

TEST_F(transport_test, answers_the_first_of_many_before_it_has_seen_the_last) {
  node b("bob");
  b.listen(loop);
  const auto peer = guest_of(b);
  ASSERT_TRUE(until([&] { return !peer->ended() && !peer->heard().empty(); }));
  const std::size_t greeting = peer->heard().size();
  constexpr std::size_t count = 100;
  std::string all;
  for (std::uint64_t i = 1; i <= count; ++i)
    ASSERT_TRUE(wire::encode(request_of("ask", i), limits::payload_bytes_default, all));
  bool early = false;
  b.when_heard = [&](ports::connection_id id, const message::any& what) {
    if (b.heard.size() == count) early = !peer->ended() && peer->heard().size() > greeting;
    message::reply answer;
    answer.id = std::get<message::request>(what).id;
    EXPECT_TRUE(b.net->send(id, answer));
  };
  peer->say(all);
  ASSERT_TRUE(until([&] { return b.heard.size() == count; }));
  EXPECT_TRUE(early);
}

TEST_F(transport_test, writes_what_is_queued_before_it_closes) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  ASSERT_TRUE(a.net->send(at_a, request_of(std::string(4'000'000, 'p'))));
  ASSERT_TRUE(a.net->send(at_a, message::leave{}));
  a.net->close(at_a);
  EXPECT_FALSE(a.net->send(at_a, message::leave{}));
  ASSERT_TRUE(until([&] { return !b.closed.empty(); }));
  EXPECT_EQ(b.heard.size(), 2U);
  EXPECT_EQ(b.closed.back().first, at_b);
  EXPECT_FALSE(b.net->send(at_b, message::leave{}));
  settle();
  EXPECT_TRUE(a.closed.empty());  // it was our own doing
  a.net->close(at_a);
  a.net->close(12345);
}

TEST_F(transport_test, still_writes_to_who_has_said_its_last_word) {
  node server("ann");
  server.listen(loop);
  raw_socket peer;
  peer.connect(server.net->address());
  peer.say(hello_frame());
  ASSERT_TRUE(until([&] { return !server.opened.empty(); }));
  const auto id = server.opened.back().first;
  constexpr std::size_t size = 4'000'000;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(server.net->send(id, request_of(std::string(size, 'p'))));
  server.net->close(id);
  settle();  // more than the kernel takes is left
  shutdown(peer.handle(), SHUT_WR);
  settle();
  ASSERT_TRUE(until([&] { return peer.ended(); }));
  EXPECT_TRUE(peer.clean);
  EXPECT_GT(peer.heard.size(), 5 * size);
}

TEST_F(transport_test, closes_within_its_time_even_if_nobody_reads) {
  node server("ann");
  transport_options options;
  options.linger = milliseconds(30);
  server.listen(loop, options);
  raw_socket peer;
  peer.connect(server.net->address());
  peer.say(hello_frame());
  ASSERT_TRUE(until([&] { return !server.opened.empty(); }));
  const auto id = server.opened.back().first;
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(server.net->send(id, request_of(std::string(4'000'000, 'p'))));
  server.net->close(id);
  const boot_time start = boot_now();
  // The socket is gone when bytes of ours meet RST.
  ASSERT_TRUE(until([&] {
    return ::send(peer.handle(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
  }));
  EXPECT_LT(boot_now() - start, seconds(10));
  EXPECT_TRUE(server.closed.empty());
}

TEST_F(transport_test, reports_the_death_of_the_other_side_once) {
  node a("ann");
  a.listen(loop);
  ports::connection_id id = 0;
  {
    node b("bob");
    b.listen(loop);
    id = join(a, b).first;
  }
  ASSERT_TRUE(until([&] { return !a.closed.empty(); }));
  settle();
  EXPECT_EQ(a.closed.size(), 1U);
  EXPECT_EQ(a.closed.back().first, id);
}

TEST_F(transport_test, delivers_what_was_sent_before_the_sender_died) {
  node a("ann");
  a.listen(loop);
  {
    node b("bob");
    b.listen(loop);
    const auto [at_a, at_b] = join(a, b);
    ASSERT_TRUE(b.net->send(at_b, message::leave{}));
  }
  ASSERT_TRUE(until([&] { return !a.closed.empty(); }));
  EXPECT_EQ(a.heard.size(), 1U);
}

TEST_F(transport_test, forgets_everybody_with_a_new_identity) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  ASSERT_TRUE(a.net->send(at_a, message::leave{}));
  ++a.self.incarnation.low;
  a.net->assume(a.self);
  EXPECT_FALSE(a.net->send(at_a, message::leave{}));
  ASSERT_TRUE(until([&] { return !b.closed.empty(); }));
  EXPECT_EQ(b.heard.size(), 1U);
  EXPECT_TRUE(a.closed.empty());
  const auto again = join(b, a);
  EXPECT_EQ(b.opened.back().second.incarnation, a.self.incarnation);
  EXPECT_GT(again.second, at_a);  // ids are never used twice
}

TEST_F(transport_test, may_be_destroyed_by_a_callback) {
  for (const int where : {0, 1, 2}) {
    node a("ann");
    node b("bob");
    a.listen(loop);
    b.listen(loop);
    if (where == 0) b.when_open = [&](auto) { b.net.reset(); };
    if (where == 1) b.when_heard = [&](auto, const auto&) { b.net.reset(); };
    if (where == 2) b.when_closed = [&](auto) { b.net.reset(); };
    const auto id = a.net->dial(b.net->address(), {}, seconds(10));
    ASSERT_TRUE(until([&] { return !b.opened.empty(); }));
    if (where > 0) {
      ASSERT_TRUE(until([&] { return !a.opened.empty(); }));
      for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(a.net->send(id, message::leave{}));
      if (where == 2) a.net->close(id);
    }
    ASSERT_TRUE(until([&] { return b.net == nullptr; }));
    settle();
    EXPECT_EQ(b.heard.size(), where == 0 ? 0U : where == 1 ? 1U : 5U);
  }
}

TEST_F(transport_test, may_close_from_within_a_message) {
  node a("ann");
  node b("bob");
  b.when_heard = [&](ports::connection_id id, const auto&) { b.net->close(id); };
  a.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(a, b);
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(a.net->send(at_a, message::leave{}));
  ASSERT_TRUE(until([&] { return !a.closed.empty(); }));
  EXPECT_EQ(b.heard.size(), 1U);
}

TEST_F(transport_test, holds_several_connections_between_two_nodes) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  const auto first = join(a, b);
  const auto second = join(b, a);
  EXPECT_NE(first.first, second.second);
  ASSERT_TRUE(a.net->send(first.first, message::leave{}));
  ASSERT_TRUE(b.net->send(second.first, message::subscribe{}));
  ASSERT_TRUE(until([&] { return a.heard.size() == 1 && b.heard.size() == 1; }));
  EXPECT_EQ(b.heard.back().first, first.second);
  EXPECT_EQ(a.heard.back().first, second.second);
}

TEST_F(transport_test, works_between_two_threads) {
  event_loop other_loop;
  node a("ann");
  node b("bob");
  b.when_heard = [&](ports::connection_id id, const message::any& what) {
    EXPECT_TRUE(b.net->send(id, what));
  };
  b.listen(other_loop);
  const std::string address = b.net->address();
  std::thread other([&] { other_loop.run(); });
  a.listen(loop);
  const auto id = a.net->dial(address, {}, seconds(10));
  ASSERT_TRUE(until([&] { return !a.opened.empty(); }));
  a.when_heard = [&](ports::connection_id, const auto&) {
    if (a.heard.size() < 500) {
      EXPECT_TRUE(a.net->send(id, request_of("ping", a.heard.size() + 1)));
    }
  };
  ASSERT_TRUE(a.net->send(id, request_of("ping", 1)));
  EXPECT_TRUE(until([&] { return a.heard.size() == 500; }));
  other_loop.stop();
  other.join();
  b.net.reset();
}

}  // namespace
}  // namespace hedgerow::net
