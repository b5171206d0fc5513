// What a failed dial proves: DESIGN 5, certain evidence against silence.

#include <cerrno>

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "net/connector.h"
#include "net/loop_impl.h"
#include "net/net_fixture.h"

namespace hedgerow::net {
namespace {

class dial_test : public scene, public ::testing::Test {
 protected:
  void SetUp() override { a.listen(loop); }

  node::failure fail_to(const std::string& address, const incarnation& expected = {},
                        nanoseconds patience = seconds(10)) {
    const auto id = a.net->dial(address, expected, patience);
    EXPECT_TRUE(a.failed.empty());  // never from within the call
    EXPECT_TRUE(until([&] { return !a.failed.empty(); }));
    EXPECT_EQ(a.failed.size(), 1U);
    EXPECT_TRUE(a.opened.empty());
    node::failure out = a.failed.at(0);
    EXPECT_EQ(out.id, id);
    EXPECT_FALSE(out.text.empty());
    a.failed.clear();
    return out;
  }

  node a{"ann"};
};

TEST_F(dial_test, is_refused_where_nobody_listens) {
  std::string address;
  {
    raw_socket gone;
    address = gone.listen();
  }
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(fail_to(address).why, ports::dial_failure::refused);
}

TEST_F(dial_test, is_refused_by_a_reset_before_the_welcome) {
  raw_socket server;
  const std::string address = server.listen();
  const auto id = a.net->dial(address, {}, seconds(10));
  const int accepted = server.accept();
  ASSERT_GE(accepted, 0);
  const linger hard{1, 0};
  setsockopt(accepted, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  ::close(accepted);
  ASSERT_TRUE(until([&] { return !a.failed.empty(); }));
  EXPECT_EQ(a.failed.back().id, id);
  EXPECT_EQ(a.failed.back().why, ports::dial_failure::refused);
}

TEST_F(dial_test, is_refused_by_the_death_of_a_listener_that_never_accepted) {
  auto server = std::make_unique<raw_socket>();
  a.net->dial(server->listen(), {}, seconds(10));
  settle();  // in the backlog, with the hello
  EXPECT_TRUE(a.failed.empty());
  server.reset();
  ASSERT_TRUE(until([&] { return !a.failed.empty(); }));
  EXPECT_EQ(a.failed.back().why, ports::dial_failure::refused);
}

TEST_F(dial_test, learns_who_else_is_there) {
  node b("bob", 2);
  b.listen(loop);
  const auto failed = fail_to(b.net->address(), {b.self.incarnation.high, 1});
  EXPECT_EQ(failed.why, ports::dial_failure::other_incarnation);
  ASSERT_TRUE(failed.actual);
  EXPECT_EQ(failed.actual->name, "bob");
  EXPECT_EQ(failed.actual->incarnation, b.self.incarnation);
  EXPECT_EQ(failed.actual->address, b.net->address());
  EXPECT_TRUE(b.opened.empty());
}

TEST_F(dial_test, is_rejected_by_another_group) {
  node b("bob");
  transport_options other;
  other.group = "other";
  b.listen(loop, other);
  const auto failed = fail_to(b.net->address(), b.self.incarnation);
  EXPECT_EQ(failed.why, ports::dial_failure::rejected);
  EXPECT_NE(failed.text.find("other"), std::string::npos) << failed.text;
}

TEST_F(dial_test, is_rejected_by_itself) {
  EXPECT_EQ(fail_to(a.net->address(), a.self.incarnation).why, ports::dial_failure::rejected);
}

TEST_F(dial_test, is_rejected_by_another_version) {
  raw_socket server;
  a.net->dial(server.listen(), {}, seconds(10));
  const int accepted = server.accept();
  std::string frame;
  wire::welcome later{wire::protocol_version + 1, {ports::peer_role::client, {}, {}, {}}};
  ASSERT_TRUE(wire::encode(later, frame));
  ASSERT_GT(::send(accepted, frame.data(), frame.size(), MSG_NOSIGNAL), 0);
  ASSERT_TRUE(until([&] { return !a.failed.empty(); }));
  EXPECT_EQ(a.failed.back().why, ports::dial_failure::rejected);
  ::close(accepted);
}

TEST_F(dial_test, is_silent_where_nobody_answers) {
  raw_socket server;
  const boot_time start = boot_now();
  EXPECT_EQ(fail_to(server.listen(), {}, milliseconds(30)).why, ports::dial_failure::silent);
  EXPECT_GE(boot_now() - start, milliseconds(30));
}

TEST_F(dial_test, is_silent_after_a_clean_end) {
  raw_socket server;
  a.net->dial(server.listen(), {}, seconds(10));
  const int accepted = server.accept();
  char hello[1000];
  ASSERT_TRUE(until([&] { return ::recv(accepted, hello, sizeof hello, MSG_DONTWAIT) > 0; }));
  ::close(accepted);
  ASSERT_TRUE(until([&] { return !a.failed.empty(); }));
  EXPECT_EQ(a.failed.back().why, ports::dial_failure::silent);
}

TEST_F(dial_test, is_rejected_by_nonsense) {
  raw_socket server;
  a.net->dial(server.listen(), {}, seconds(10));
  const int accepted = server.accept();
  ASSERT_GT(::send(accepted, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL), 0);
  ASSERT_TRUE(until([&] { return !a.failed.empty(); }));
  EXPECT_EQ(a.failed.back().why, ports::dial_failure::rejected);
  ::close(accepted);
}

TEST_F(dial_test, is_silent_for_what_is_no_address) {
  for (const char* address : {"", "nowhere", "127.0.0.1:0", "127.0.0.1:99999"})
    EXPECT_EQ(fail_to(address).why, ports::dial_failure::silent);
}

TEST_F(dial_test, is_silent_for_troubles_of_our_own) {
  using ports::dial_failure;
  EXPECT_EQ(failure_of(ECONNREFUSED), dial_failure::refused);
  EXPECT_EQ(failure_of(ECONNRESET), dial_failure::refused);
  for (const int error : {EHOSTUNREACH, ENETUNREACH, EINVAL, EMFILE, ENFILE, EADDRNOTAVAIL,
                          ETIMEDOUT, EPERM, EACCES, ECONNABORTED, EPIPE, ENOBUFS, ENETDOWN, 0}) {
    EXPECT_EQ(failure_of(error), dial_failure::silent) << std::strerror(error);
  }
  // Broadcast and multicast are nobody's.
  transport_options open;
  open.allow_non_loopback = true;
  a.listen(loop, open);
  EXPECT_EQ(fail_to("255.255.255.255:7000").why, dial_failure::silent);
}

TEST_F(dial_test, stays_on_loopback_unless_told) {
  for (const char* address :
       {"10.255.255.1:7000", "[fd00::1]:7000", "[::ffff:10.255.255.1]:7000"}) {
    a.log.lines.clear();
    for (int i = 0; i < 3; ++i) {
      const auto failed = fail_to(address);
      EXPECT_EQ(failed.why, ports::dial_failure::silent);
      EXPECT_NE(failed.text.find("--insecure"), std::string::npos) << failed.text;
    }
    ASSERT_EQ(a.log.lines.size(), 1U) << "said once, not at every dial";
    EXPECT_NE(a.log.lines[0].find(address), std::string::npos);
  }
  node b("bob");
  b.listen(loop);
  const auto port = parse_host_port(b.net->address())->port;
  a.net->dial(to_string(host_port{"::ffff:127.0.0.1", port}), b.self.incarnation, seconds(10));
  EXPECT_TRUE(until([&] { return !a.opened.empty(); }));
}

TEST_F(dial_test, judges_names_by_what_they_mean) {
  loop.internals().names.resolve_with([](const std::string& host) {
    return name_answer{{*ip_address::parse(host == "far" ? "10.255.255.1" : "127.0.0.1")}, {}};
  });
  EXPECT_NE(fail_to("far:7000").text.find("--insecure"), std::string::npos);
  node b("bob");
  b.listen(loop);
  const auto port = parse_host_port(b.net->address())->port;
  a.net->dial(to_string(host_port{"near", port}), b.self.incarnation, seconds(10));
  EXPECT_TRUE(until([&] { return !a.opened.empty(); }));
}

TEST_F(dial_test, is_silent_where_a_name_is_unknown) {
  const auto failed = fail_to(std::string(200, 'x') + ":7000");  // no server is asked
  EXPECT_EQ(failed.why, ports::dial_failure::silent);
  EXPECT_NE(failed.text.find("cannot resolve xxx"), std::string::npos) << failed.text;
}

TEST_F(dial_test, is_silent_when_out_of_connections) {
  node full("full");
  transport_options one;
  one.connections_max = 1;
  full.listen(loop, one);
  join(full, a);
  full.net->dial(a.net->address(), {}, seconds(10));
  ASSERT_TRUE(until([&] { return !full.failed.empty(); }));
  EXPECT_EQ(full.failed.back().why, ports::dial_failure::silent);
}

TEST_F(dial_test, that_is_never_tried_leaves_the_limit_on_accepted_connections_as_it_is) {
  node full("full");
  transport_options one;
  one.connections_max = 1;
  full.listen(loop, one);
  join(full, a);
  full.net->dial(a.net->address(), {}, seconds(10));
  ASSERT_TRUE(until([&] { return full.failed.size() == 1; }));
  full.net->close(full.net->dial(a.net->address(), {}, seconds(10)));
  settle();
  EXPECT_EQ(full.failed.size(), 1U);

  node b("bob");
  node c("cid");
  b.listen(loop);
  c.listen(loop);
  const auto turned_away = [&] {
    return full.net->counts()->of(occurrence::connections_turned_away);
  };
  b.net->dial(full.net->address(), {}, seconds(10));
  ASSERT_TRUE(until([&] { return !b.opened.empty() || !b.failed.empty(); }));
  ASSERT_FALSE(b.opened.empty()) << "there was room for it";
  EXPECT_EQ(turned_away(), 0U);
  full.net->set_busy(full.opened.back().first, true);  // it makes no room, however slow this is
  c.net->dial(full.net->address(), {}, seconds(10));
  ASSERT_TRUE(until([&] { return !c.opened.empty() || !c.failed.empty(); }));
  EXPECT_FALSE(c.failed.empty()) << "for one more there was none";
  EXPECT_EQ(turned_away(), 1U);
}

TEST_F(dial_test, resolves_names) {
  node b("bob");
  b.listen(loop);
  const auto port = parse_host_port(b.net->address())->port;
  a.net->dial(to_string(host_port{"localhost", port}), b.self.incarnation, seconds(10));
  ASSERT_TRUE(until([&] { return !a.opened.empty() || !a.failed.empty(); }));
  EXPECT_FALSE(a.opened.empty()) << a.failed.back().text;
}

TEST_F(dial_test, can_be_given_up) {
  raw_socket server;
  const auto id = a.net->dial(server.listen(), {}, milliseconds(20));
  a.net->close(id);
  const auto named = a.net->dial("localhost:1", {}, milliseconds(20));
  a.net->close(named);
  const auto invalid = a.net->dial("nonsense", {}, milliseconds(20));
  a.net->close(invalid);
  const boot_time start = boot_now();
  ASSERT_TRUE(until([&] { return boot_now() - start > milliseconds(60); }));
  EXPECT_TRUE(a.failed.empty());
}

TEST_F(dial_test, does_not_take_its_own_ephemeral_port_for_a_node) {
  // Connecting a bound socket to its own address is what the kernel does by chance.
  struct sockaddr_in here = raw_socket::at(0);
  socklen_t size = sizeof here;
  raw_socket probe;
  ASSERT_EQ(::bind(probe.handle(), reinterpret_cast<sockaddr*>(&here), size), 0);
  ASSERT_EQ(::getsockname(probe.handle(), reinterpret_cast<sockaddr*>(&here), &size), 0);
  ASSERT_EQ(::connect(probe.handle(), reinterpret_cast<sockaddr*>(&here), size), 0);
  EXPECT_TRUE(is_connected_to_itself(probe.handle()));
  node b("bob");
  b.listen(loop);
  raw_socket honest;
  honest.connect(b.net->address());
  EXPECT_FALSE(is_connected_to_itself(honest.handle()));
}

}  // namespace
}  // namespace hedgerow::net
