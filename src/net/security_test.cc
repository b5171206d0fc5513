// Two transports, and strangers, over TLS with a secret of the group.

#include <string>

#include <gtest/gtest.h>

#include "net/secret_scene.h"
#include "net/test_stranger.h"

namespace hedgerow::net {
namespace {

class security : public secret_scene, public ::testing::Test {};

TEST_F(security, one_secret_joins_two_nodes) {
  node ann("ann");
  node bob("bob");
  const auto secret = new_secret();
  ann.listen(loop, with_secret("a", secret));
  bob.listen(loop, with_secret("b", secret + "\n"));
  const auto [there, here] = join(ann, bob);
  ASSERT_TRUE(ann.net->send(there, request_of("hello")));
  ASSERT_TRUE(until([&] { return bob.heard.size() == 1; }));
  EXPECT_EQ(as_view(bob.heard_as<message::request>(0).payload), "hello");
}

TEST_F(security, another_secret_is_refused_in_words_at_both_ends) {
  node ann("ann");
  node bob("bob");
  ann.listen(loop, with_secret("a", new_secret()));
  bob.listen(loop, with_secret("b", new_secret()));
  const auto failure = failed_dial(ann, bob.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "--secret-file")) << failure.text;
  EXPECT_TRUE(until([&] { return count(bob, occurrence::handshakes_wrong_secret) == 1; }));
  EXPECT_TRUE(logged(bob, "its secret is none of those"));
  EXPECT_EQ(count(ann, occurrence::handshakes_wrong_secret), 1u);
  EXPECT_TRUE(bob.opened.empty());
}

TEST_F(security, every_secret_in_the_file_is_accepted) {
  node ann("ann");
  node bob("bob");
  const auto old_one = new_secret();
  const auto new_one = new_secret();
  ann.listen(loop, with_secret("a", old_one));
  bob.listen(loop, with_secret("b", "# the next one first\n" + new_one + "\n\n" + old_one + "\n"));
  join(ann, bob);
  // Bob dials with his first, which ann does not know.
  EXPECT_EQ(failed_dial(bob, ann.net->address()).why, ports::dial_failure::rejected);
}

// The trap: a server whose certificate nobody asked for.
TEST_F(security, a_server_without_the_secret_gets_no_byte) {
  node ann("ann");
  ann.listen(loop, with_secret("a", new_secret()));
  test_authority itself("some.server");
  raw_socket port;
  const auto address = port.listen();
  ann.net->dial(address, {}, seconds(5));
  tls_stranger server(tls_stranger::end::server, port.accept());
  server.show(itself.sign({"some.server", "DNS:bob"}));
  ASSERT_TRUE(until([&] {
    if (!server.over) server.step();
    return ann.failed.size() == 1;
  }));
  EXPECT_EQ(ann.failed[0].why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(ann.failed[0].text, "a certificate instead of using the secret"))
      << ann.failed[0].text;
  ASSERT_TRUE(until([&] {
    server.step();
    return server.over;
  }));
  EXPECT_EQ(server.heard, "");
  EXPECT_FALSE(server.shaken());
}

TEST_F(security, a_client_without_the_secret_is_not_heard) {
  node ann("ann");
  ann.listen(loop, with_secret("a", new_secret()));
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    raw_socket way;
    way.connect(ann.net->address());
    tls_stranger client(tls_stranger::end::client, ::dup(way.handle()));
    SSL_CTX_set_max_proto_version(client.context(), version);
    ASSERT_TRUE(until([&] {
      client.step();
      return client.over;
    }));
    EXPECT_FALSE(client.shaken());
  }
  EXPECT_TRUE(logged(ann, "it offers no secret"));
  EXPECT_TRUE(logged(ann, "it speaks no TLS 1.3"));
  EXPECT_EQ(count(ann, occurrence::handshakes_wrong_secret), 1u);
  EXPECT_EQ(count(ann, occurrence::handshakes_tls_failed), 1u);
}

TEST_F(security, plain_text_is_told_what_is_missing) {
  node ann("ann");
  node bob("bob");
  ann.listen(loop, with_secret("a", new_secret()));
  bob.listen(loop);
  const auto failure = failed_dial(bob, ann.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "plain text is not taken here: both sides need the --secret-file"))
      << failure.text;
  EXPECT_EQ(count(ann, occurrence::handshakes_plain), 1u);

  raw_socket browser;
  browser.connect(ann.net->address());
  browser.say("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(until([&] { return browser.ended(); }));
  EXPECT_EQ(rejection_in(browser.heard)->code, wire::rejection_code::tls_wanted);
  EXPECT_EQ(count(ann, occurrence::handshakes_plain), 2u);
}

TEST_F(security, tls_is_told_that_the_other_side_is_plain) {
  node ann("ann");
  node bob("bob");
  ann.listen(loop, with_secret("a", new_secret()));
  bob.listen(loop);
  const auto failure = failed_dial(ann, bob.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "it speaks plain text: it was started without --secret-file"))
      << failure.text;
  EXPECT_TRUE(until([&] { return count(bob, occurrence::handshakes_encrypted) == 1; }));
  EXPECT_TRUE(logged(bob, "TLS is not taken here"));
}

TEST_F(security, half_a_handshake_does_not_stay) {
  node ann("ann");
  auto with = with_secret("a", new_secret());
  with.handshake_timeout = milliseconds(50);
  ann.listen(loop, with);
  for (const char* beginning : {"\x16", "\x16\x03\x01", "\x16\x03\x01\x01\x40half of a hello"}) {
    raw_socket slow;
    slow.connect(ann.net->address());
    slow.say(beginning);
    EXPECT_TRUE(until([&] { return slow.ended(); }));
  }
  EXPECT_EQ(count(ann, occurrence::handshakes_timed_out), 3u);
}

TEST_F(security, nonsense_in_tls_is_the_end) {
  node ann("ann");
  ann.listen(loop, with_secret("a", new_secret()));
  raw_socket odd;
  odd.connect(ann.net->address());
  odd.say(std::string("\x16\x03\x01\x00\x20", 5) + std::string(64, 'x'));
  EXPECT_TRUE(until([&] { return odd.ended(); }));
  EXPECT_EQ(count(ann, occurrence::handshakes_tls_failed), 1u);
}

// As in plain text: a RST before a word is evidence that nobody is there, one after it is none.
TEST_F(security, only_a_reset_before_a_word_is_a_refusal) {
  node ann("ann");
  ann.listen(loop, with_secret("a", new_secret()));
  const linger at_once{1, 0};
  for (const bool says_something : {false, true}) {
    raw_socket port;
    const auto address = port.listen();
    const auto before = ann.failed.size();
    ann.net->dial(address, {}, seconds(5));
    const int handle = port.accept();
    if (says_something) {
      ASSERT_EQ(::send(handle, "\x16\x03\x03", 3, MSG_NOSIGNAL), 3);
      settle();
    }
    ::setsockopt(handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(handle);
    ASSERT_TRUE(until([&] { return ann.failed.size() > before; }));
    EXPECT_EQ(ann.failed.back().why,
              says_something ? ports::dial_failure::silent : ports::dial_failure::refused);
  }
}

TEST_F(security, a_stranger_that_is_displaced_is_told_so) {
  node ann("ann");
  node bob("bob");
  const auto secret = new_secret();
  auto with = with_secret("a", secret);
  with.strangers_max = 1;
  ann.listen(loop, with);
  bob.listen(loop, with_secret("b", secret));
  raw_socket idle;
  idle.connect(ann.net->address());
  settle();
  join(bob, ann);
  EXPECT_TRUE(until([&] { return idle.ended(); }));
  EXPECT_EQ(idle.heard, std::string("\x15\x03\x03\x00\x02\x02\x50", 7));
}

TEST_F(security, a_bad_file_leaves_the_old_secret_in_use) {
  node ann("ann");
  node bob("bob");
  const auto secret = new_secret();
  ann.listen(loop, with_secret("a", secret));
  bob.listen(loop, with_secret("b", secret));
  with_secret("b", "swordfish");
  const auto failed = bob.net->reload_security();
  ASSERT_FALSE(failed);
  EXPECT_TRUE(has(failed.error().message(), "line 1"));
  EXPECT_FALSE(has(failed.error().message(), "swordfish"));
  with_secret("b", "swordfish again");
  ASSERT_TRUE(until([&] { return logged(bob, "going on with what was read before"); }));
  join(ann, bob);
  for (const auto& line : bob.log.lines)
    EXPECT_FALSE(has(line, "swordfish")) << line;
}

TEST_F(security, says_why_a_file_cannot_be_used) {
  node ann("ann");
  const auto why = [&](const std::string& file) {
    transport_options o;
    o.security.secret_file = file;
    const auto made = transport::open(loop, ann, ann.log, o);
    return made ? std::string() : made.error().message();
  };
  EXPECT_TRUE(has(why("/nowhere/to/be/found"), "cannot read the secret /nowhere/to/be/found: No"));
  EXPECT_TRUE(has(why("/dev/null"), "not a regular file"));
  EXPECT_TRUE(has(why("/tmp"), "not a regular file"));
  const auto open = folder.write("open", new_secret());
  ::chmod(open.c_str(), 0644);
  EXPECT_EQ(why(open), "");
  EXPECT_TRUE(logged(ann, "other users of this machine may read " + open + "; chmod 600 it"));
}

TEST_F(security, a_secret_opens_every_address) {
  node ann("ann");
  auto with = with_secret("a", new_secret());
  with.listen = "0.0.0.0:0";
  with.advertise = "me.example";
  with.group = "test";
  EXPECT_TRUE(transport::open(loop, ann, ann.log, with));
}

}  // namespace
}  // namespace hedgerow::net
