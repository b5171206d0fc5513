// Who has the secret, or its name, and wants another TLS than ours; and who begins and stops.

#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "net/secret_scene.h"
#include "net/test_stranger.h"

namespace hedgerow::net {
namespace {

class downgrade : public secret_scene, public ::testing::Test {
 protected:
  void start(nanoseconds handshake_timeout = seconds(20)) {
    auto with = with_secret("a", secret);
    with.handshake_timeout = handshake_timeout;
    ann.listen(loop, with);
  }
  // Until it has come to its end, or has shaken hands.
  bool shakes_hands(tls_stranger& who) {
    HEDGEROW_ASSERT(until([&] {
      if (!who.over) who.step();
      return who.over || who.shaken();
    }));
    return !who.over;
  }
  std::uint64_t refused() const {
    return count(ann, occurrence::handshakes_wrong_secret) +
           count(ann, occurrence::handshakes_tls_failed);
  }

  const std::string secret = new_secret();
  node ann{"ann"};
};

// Somebody who dials ann.
struct caller {
  explicit caller(const node& to) {
    way.connect(to.net->address());
    tls.emplace(tls_stranger::end::client, ::dup(way.handle()));
  }
  raw_socket way;
  std::optional<tls_stranger> tls;
};

TEST_F(downgrade, a_caller_with_a_suite_of_another_hash_alone_is_refused) {
  start();
  caller who(ann);
  who.tls->know(secret);
  SSL_CTX_set_ciphersuites(who.tls->context(), "TLS_AES_256_GCM_SHA384");
  EXPECT_FALSE(shakes_hands(*who.tls));
  EXPECT_TRUE(until([&] { return refused() == 1; }));
  EXPECT_TRUE(ann.opened.empty());
}

TEST_F(downgrade, a_caller_that_prefers_another_hash_gets_ours_and_the_secret_is_used) {
  start();
  caller who(ann);
  who.tls->know(secret);
  SSL_CTX_set_ciphersuites(
      who.tls->context(),
      "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
  ASSERT_TRUE(shakes_hands(*who.tls));
  EXPECT_NE(who.tls->suite(), "TLS_AES_256_GCM_SHA384");
  EXPECT_TRUE(who.tls->used_secret());
  who.tls->say(hello_frame());
  EXPECT_TRUE(until([&] { return ann.opened.size() == 1; }));
}

TEST_F(downgrade, a_caller_with_the_secret_and_an_older_tls_is_refused) {
  start();
  caller who(ann);
  who.tls->know(secret);
  SSL_CTX_set_max_proto_version(who.tls->context(), TLS1_2_VERSION);
  EXPECT_FALSE(shakes_hands(*who.tls));
  EXPECT_TRUE(until([&] { return count(ann, occurrence::handshakes_tls_failed) == 1; }));
  EXPECT_TRUE(logged(ann, "it speaks no TLS 1.3"));
}

TEST_F(downgrade, who_names_the_secret_must_have_it) {
  start();
  caller who(ann);
  who.tls->know(secret, new_secret());
  EXPECT_FALSE(shakes_hands(*who.tls));
  EXPECT_TRUE(until([&] { return count(ann, occurrence::handshakes_wrong_secret) == 1; }));
  EXPECT_TRUE(logged(ann, "it names the secret, but does not know it"));
  EXPECT_TRUE(ann.opened.empty());
}

// Ann dials; none of these hears a byte of hers but for TLS's own.
TEST_F(downgrade, servers_of_another_tls_hear_nothing) {
  start();
  test_authority itself("some.server");
  const auto other_hash = [&](tls_stranger& server) {
    server.know(secret);
    SSL_CTX_set_ciphersuites(server.context(), "TLS_AES_256_GCM_SHA384");
  };
  const auto other_hash_and_certificate = [&](tls_stranger& server) {
    other_hash(server);
    server.show(itself.sign({"some.server", "DNS:bob"}));
  };
  const auto older = [&](tls_stranger& server) {
    server.show(itself.sign({"some.server", "DNS:bob"}));
    SSL_CTX_set_max_proto_version(server.context(), TLS1_2_VERSION);
  };
  const auto guesses = [&](tls_stranger& server) { server.know(secret, new_secret()); };
  for (const std::function<void(tls_stranger&)>& make :
       {std::function<void(tls_stranger&)>(other_hash),
        std::function<void(tls_stranger&)>(other_hash_and_certificate),
        std::function<void(tls_stranger&)>(older), std::function<void(tls_stranger&)>(guesses)}) {
    raw_socket port;
    const auto before = ann.failed.size();
    ann.net->dial(port.listen(), {}, seconds(20));
    tls_stranger server(tls_stranger::end::server, port.accept());
    make(server);
    ASSERT_TRUE(until([&] {
      if (!server.over) server.step();
      return ann.failed.size() > before;
    }));
    EXPECT_EQ(ann.failed.back().why, ports::dial_failure::rejected);
    EXPECT_EQ(refused(), ann.failed.size()) << ann.failed.back().text;
    EXPECT_EQ(server.heard, "");
  }
  EXPECT_TRUE(has(ann.failed[2].text, "it speaks no TLS 1.3")) << ann.failed[2].text;
  EXPECT_TRUE(ann.opened.empty());
}

// Each at another point, and none gets more time for having got so far.
TEST_F(downgrade, who_stops_within_the_handshake_is_ended_in_time) {
  start(milliseconds(100));
  raw_socket silent;
  silent.connect(ann.net->address());
  caller after_hello(ann);
  after_hello.tls->know(secret);
  after_hello.tls->step();  // sends the ClientHello
  caller after_tls(ann);
  after_tls.tls->know(secret);
  ASSERT_TRUE(shakes_hands(*after_tls.tls));
  ASSERT_TRUE(until([&] { return count(ann, occurrence::handshakes_timed_out) == 3; }));
  for (raw_socket* each : {&silent, &after_hello.way, &after_tls.way})
    EXPECT_TRUE(until([&] { return each->ended(); }));
  EXPECT_TRUE(until([&] { return ann.net->counts()->open() == 0; }));
}

TEST_F(downgrade, a_server_that_stops_within_the_handshake_is_given_up_in_time) {
  start();
  raw_socket port;
  const auto address = port.listen();
  ann.net->dial(address, {}, milliseconds(100));  // nobody accepts
  ASSERT_TRUE(until([&] { return ann.failed.size() == 1; }));
  ann.net->dial(address, {}, milliseconds(100));
  const int first = port.accept();
  tls_stranger second(tls_stranger::end::server, port.accept());
  second.know(secret);
  ASSERT_TRUE(until([&] {
    if (!second.shaken()) second.step();
    return ann.failed.size() == 2;
  }));
  EXPECT_TRUE(second.shaken());
  for (const auto& each : ann.failed)
    EXPECT_EQ(each.why, ports::dial_failure::silent) << each.text;
  ::close(first);
}

}  // namespace
}  // namespace hedgerow::net
