// Listening, and what strangers may do to it.

#include "net/acceptor.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/random.h"
#include "net/net_fixture.h"

namespace hedgerow::net {
namespace {

class acceptor_test : public scene, public ::testing::Test {};

result<std::unique_ptr<transport>> try_listen(event_loop& loop, node& who,
                                              const std::string& address,
                                              const std::string& advertise = "",
                                              bool insecure = false) {
  transport_options options;
  options.listen = address;
  options.advertise = advertise;
  options.allow_non_loopback = insecure;
  return transport::open(loop, who, who.log, options);
}

TEST_F(acceptor_test, explains_why_it_cannot_listen) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  const auto taken = try_listen(loop, b, a.net->address());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, errc::address_in_use);
  EXPECT_EQ(taken.error().message(),
            "address in use: " + a.net->address() + "; choose another --listen or port 0");
  for (const char* open : {"0.0.0.0:0", "[::]:0", "10.1.2.3:0", "[::ffff:10.1.2.3]:0"}) {
    const auto refused = try_listen(loop, b, open, "somewhere");
    ASSERT_FALSE(refused) << open;
    EXPECT_EQ(refused.error().code, errc::invalid_argument);
    EXPECT_NE(refused.error().message().find("--insecure"), std::string::npos);
  }
  EXPECT_EQ(try_listen(loop, b, "nonsense").error().code, errc::invalid_argument);
  EXPECT_EQ(try_listen(loop, b, "192.0.2.1:0", "", true).error().code, errc::invalid_argument);
  EXPECT_EQ(try_listen(loop, b, "127.0.0.1:0", "0.0.0.0").error().code, errc::invalid_argument);
  const auto unknown = try_listen(loop, b, std::string(300, 'x') + ":0");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("cannot resolve"), std::string::npos);
}

TEST_F(acceptor_test, tells_where_it_can_be_dialed) {
  node a("ann");
  const auto plain = try_listen(loop, a, "127.0.0.1:0");
  ASSERT_TRUE(plain);
  const auto port = parse_host_port((*plain)->address())->port;
  EXPECT_EQ((*plain)->address(), "127.0.0.1:" + std::to_string(port));
  EXPECT_NE(port, 0);
  const auto named = try_listen(loop, a, "0.0.0.0:0", "me.example", true);
  ASSERT_TRUE(named);
  EXPECT_TRUE((*named)->address().starts_with("me.example:"));
  EXPECT_NE(parse_host_port((*named)->address())->port, 0);
  const auto mapped = try_listen(loop, a, "127.0.0.1:0", "me.example:7001");
  ASSERT_TRUE(mapped);
  EXPECT_EQ((*mapped)->address(), "me.example:7001");
}

TEST_F(acceptor_test, listens_for_both_families_on_the_wildcard_of_ipv6) {
  transport_options options;
  options.listen = "[::]:0";
  options.allow_non_loopback = true;
  node a("ann");
  a.listen(loop, options);
  EXPECT_TRUE(a.net->address().starts_with("[::1]:"));
  const auto port = std::to_string(parse_host_port(a.net->address())->port);
  node b("bob");
  b.listen(loop);
  for (const std::string host : {"127.0.0.1:", "[::1]:", "[::ffff:127.0.0.1]:"}) {
    const std::size_t before = a.opened.size();
    b.net->dial(host + port, {}, seconds(10));
    EXPECT_TRUE(until([&] { return a.opened.size() > before; })) << host;
  }
  EXPECT_TRUE(b.failed.empty());
}

TEST_F(acceptor_test, listens_on_names) {
  node a("ann");
  const auto named = try_listen(loop, a, "localhost:0");
  ASSERT_TRUE(named);
  EXPECT_NE(parse_host_port((*named)->address())->port, 0);
}

TEST_F(acceptor_test, gets_its_port_back_after_a_restart) {
  node a("ann");
  node b("bob");
  a.listen(loop);
  b.listen(loop);
  join(a, b);
  const std::string address = b.net->address();
  b.net.reset();  // ends first: its side of the connection goes to TIME_WAIT
  ASSERT_TRUE(until([&] { return !a.closed.empty(); }));
  node again("bob", 2);
  transport_options options;
  options.listen = address;
  again.listen(loop, options);
  join(a, again);
}

TEST_F(acceptor_test, turns_everybody_away_before_it_has_an_identity) {
  node a("ann");
  a.listen(loop);
  node nobody("bob");
  nobody.self.incarnation = {};
  nobody.listen(loop);
  a.net->dial(nobody.net->address(), {}, seconds(10));
  ASSERT_TRUE(until([&] { return !a.failed.empty(); }));
  EXPECT_EQ(a.failed.back().why, ports::dial_failure::rejected);
}

class stranger_test : public scene, public ::testing::Test {
 protected:
  void start(transport_options options = {}) { server.listen(loop, std::move(options)); }
  // The server still takes honest connections.
  void expect_alive() {
    node honest("honest");
    honest.listen(loop);
    join(honest, server);
  }

  node server{"ann"};
};

TEST_F(stranger_test, is_told_what_is_wrong) {
  start();
  raw_socket wrong_group;
  wrong_group.connect(server.net->address());
  wrong_group.say(hello_frame("elsewhere"));
  ASSERT_TRUE(until([&] { return wrong_group.ended(); }));
  const auto told = rejection_in(wrong_group.heard);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->code, wire::rejection_code::wrong_group);

  raw_socket wrong_version;
  wrong_version.connect(server.net->address());
  std::string frame;
  ASSERT_TRUE(wire::encode(wire::hello{77, "test", {}, {}}, frame));
  wrong_version.say(frame);
  ASSERT_TRUE(until([&] { return wrong_version.ended(); }));
  ASSERT_TRUE(rejection_in(wrong_version.heard));
  EXPECT_EQ(rejection_in(wrong_version.heard)->code, wire::rejection_code::wrong_version);
  EXPECT_TRUE(server.opened.empty());
  EXPECT_TRUE(server.closed.empty());
}

TEST_F(stranger_test, may_dribble_but_not_dawdle) {
  transport_options options;
  options.handshake_timeout = milliseconds(50);
  start(options);
  raw_socket idle;
  raw_socket slow;
  idle.connect(server.net->address());
  slow.connect(server.net->address());
  slow.say(hello_frame().substr(0, 1));
  ASSERT_TRUE(until([&] { return idle.ended() && slow.ended(); }));
  EXPECT_TRUE(idle.clean && slow.clean);  // FIN: a RST would mean that nobody is here
  EXPECT_TRUE(server.opened.empty());
  raw_socket dribbling;
  dribbling.connect(server.net->address());
  for (const char each : hello_frame())
    dribbling.say({&each, 1});
  EXPECT_TRUE(until([&] { return !server.opened.empty(); }));
}

TEST_F(stranger_test, may_talk_nonsense) {
  start();
  base::random dice(1);
  for (int i = 0; i < 200; ++i) {
    raw_socket noisy;
    noisy.connect(server.net->address());
    std::string noise(1 + dice.below(3000), '\0');
    for (char& each : noise)
      each = static_cast<char>(dice.next());
    noise[4] = 1;  // a hello, so that the length counts as well
    noisy.say(noise);
    shutdown(noisy.handle(), SHUT_WR);
    ASSERT_TRUE(until([&] { return noisy.ended(); }));
  }
  EXPECT_TRUE(server.opened.empty());
  expect_alive();
}

TEST_F(stranger_test, may_not_send_more_than_a_hello) {
  start();
  raw_socket huge;
  huge.connect(server.net->address());
  huge.say(std::string("\xff\xff\xff\x7f\x01\0\0\0", 8) + std::string(100'000, 'h'));
  raw_socket early;
  early.connect(server.net->address());
  early.say(std::string("\0\0\0\0\x18\0\0\0", 8));  // leave, before hello
  ASSERT_TRUE(until([&] { return huge.ended() && early.ended(); }));
  EXPECT_TRUE(huge.clean);
  EXPECT_TRUE(server.heard.empty());
}

TEST_F(stranger_test, is_cut_off_for_nonsense_after_the_handshake) {
  start();
  for (const std::string& nonsense :
       {std::string("\xff\xff\xff\x7f\x40\0\0\0", 8), std::string("\0\0\0\0\x01\0\0\0", 8),
        std::string("\x04\0\0\0\x40\0\0\0abcd", 12), std::string("\x01\0\0\0\x10\0\0\0\xff", 9)}) {
    raw_socket peer;
    peer.connect(server.net->address());
    peer.say(hello_frame() + nonsense);
    ASSERT_TRUE(until([&] { return peer.ended(); }));
  }
  EXPECT_EQ(server.opened.size(), 4U);
  ASSERT_EQ(server.closed.size(), 4U);
  EXPECT_NE(server.closed.back().second.find("protocol error"), std::string::npos);
  EXPECT_TRUE(server.heard.empty());
}

TEST_F(stranger_test, is_turned_away_when_there_are_too_many) {
  transport_options options;
  options.connections_max = 3;
  start(options);
  std::vector<std::unique_ptr<raw_socket>> busy;
  for (int i = 0; i < 3; ++i) {
    busy.push_back(std::make_unique<raw_socket>());
    busy.back()->connect(server.net->address());
    busy.back()->say(hello_frame());
  }
  ASSERT_TRUE(until([&] { return server.opened.size() == 3; }));
  raw_socket late;
  late.connect(server.net->address());
  late.say(hello_frame());  // closing with bytes unread must not look like a dead host
  ASSERT_TRUE(until([&] { return late.ended(); }));
  EXPECT_TRUE(late.clean);
  ASSERT_TRUE(rejection_in(late.heard));
  EXPECT_EQ(rejection_in(late.heard)->code, wire::rejection_code::too_many);
  EXPECT_FALSE(server.log.lines.empty());
  node other("bob");
  other.listen(loop);
  other.net->dial(server.net->address(), {}, seconds(10));
  ASSERT_TRUE(until([&] { return !other.failed.empty(); }));
  EXPECT_EQ(other.failed.back().why, ports::dial_failure::rejected);
  busy.clear();
  settle();
  expect_alive();
}

TEST_F(stranger_test, half_of_a_connection_is_an_end) {
  start();
  raw_socket half;
  half.connect(server.net->address());
  half.say(hello_frame());
  ASSERT_TRUE(until([&] { return !server.opened.empty(); }));
  shutdown(half.handle(), SHUT_WR);
  ASSERT_TRUE(until([&] { return !server.closed.empty(); }));
  EXPECT_TRUE(until([&] { return half.ended(); }));
}

// Lowers the limit of descriptors to what is open now.
class no_descriptors {
 public:
  no_descriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~no_descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(stranger_test, cannot_exhaust_descriptors_for_good) {
  start();
  std::vector<std::unique_ptr<raw_socket>> many;
  for (int i = 0; i < 20; ++i)
    many.push_back(std::make_unique<raw_socket>());
  node other("bob");
  other.listen(loop);
  {
    const no_descriptors none;
    for (const auto& each : many) {
      each->connect(server.net->address());
      each->say(hello_frame());
    }
    for (const auto& each : many) {
      ASSERT_TRUE(until([&] { return each->ended(); }));
      EXPECT_TRUE(each->clean);
    }
    // One's own want of descriptors says nothing about others.
    other.net->dial(server.net->address(), {}, seconds(10));
    ASSERT_TRUE(until([&] { return !other.failed.empty(); }));
    EXPECT_EQ(other.failed.back().why, ports::dial_failure::silent);
  }
  EXPECT_FALSE(server.log.lines.empty());
  EXPECT_LE(server.log.lines.size(), 3U);  // at a limited rate
  expect_alive();
}

}  // namespace
}  // namespace hedgerow::net
