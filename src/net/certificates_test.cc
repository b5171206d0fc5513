// Two transports, and strangers, over TLS with certificates.

#include <string>

#include <gtest/gtest.h>

#include "net/secret_scene.h"
#include "net/test_stranger.h"

namespace hedgerow::net {
namespace {

class certificates : public secret_scene, public ::testing::Test {
 protected:
  transport_options with(const std::string& owner, const test_authority::made& own,
                         const std::string& trusted) {
    transport_options out;
    out.security.cert = folder.write(owner + ".pem", own.cert);
    out.security.key = folder.write(owner + ".key", own.key);
    out.security.ca = folder.write(owner + ".ca", trusted);
    return out;
  }
  transport_options named(const std::string& owner, const std::string& dns) {
    return with(owner, ours.sign({"machine", dns}), ours.pem());
  }
  std::string why_not(const transport_options& o) {
    node one("one");
    const auto made = transport::open(loop, one, one.log, o);
    return made ? std::string() : made.error().message();
  }

  test_authority ours{"our CA"};
  test_authority theirs{"another CA"};
};

TEST_F(certificates, join_members_under_their_names) {
  node ann("ann");
  node bob("bob");
  node cli("");
  ann.listen(loop, named("a", "DNS:other,DNS:ann"));
  bob.listen(loop, with("b", ours.sign({"bob", ""}), ours.pem()));  // by its common name
  join(ann, bob);
  cli.connect_only(loop, named("c", "DNS:anything"));
  cli.net->dial(ann.net->address(), {}, seconds(5));
  EXPECT_TRUE(until([&] { return cli.opened.size() == 1; }));
}

TEST_F(certificates, another_name_is_refused_on_both_ends) {
  node ann("ann");
  node mal("mal");
  ann.listen(loop, named("a", "DNS:ann"));
  mal.listen(loop, named("m", "DNS:machine"));
  // The common name does not count beside DNS names.
  auto failure = failed_dial(mal, ann.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "the certificate is for 'machine', not for a member 'mal'"))
      << failure.text;
  EXPECT_EQ(count(ann, occurrence::handshakes_wrong_certificate), 1u);
  failure = failed_dial(ann, mal.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "not for a member 'mal'")) << failure.text;
  EXPECT_FALSE(mal.net->check_name("mal"));
  EXPECT_TRUE(mal.net->check_name("machine"));
  EXPECT_TRUE(ann.opened.empty());
}

TEST_F(certificates, of_another_ca_are_refused_on_both_ends) {
  node ann("ann");
  node mal("mal");
  ann.listen(loop, named("a", "DNS:ann"));
  // He trusts us, but who signed his is unknown here.
  mal.listen(loop, with("m", theirs.sign({"mal", "DNS:mal"}), ours.pem()));
  auto failure = failed_dial(mal, ann.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "does not know who signed our certificate")) << failure.text;
  EXPECT_TRUE(logged(ann, "not signed by the CA in --tls-ca"));
  EXPECT_EQ(count(ann, occurrence::handshakes_wrong_certificate), 1u);
  failure = failed_dial(ann, mal.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "not signed by the CA in --tls-ca")) << failure.text;
}

TEST_F(certificates, that_have_expired_are_refused) {
  node ann("ann");
  ann.listen(loop, named("a", "DNS:ann"));
  raw_socket way;
  way.connect(ann.net->address());
  tls_stranger late(tls_stranger::end::client, ::dup(way.handle()));
  late.show(ours.sign({"bob", "DNS:bob", -7200, 3600}));
  ASSERT_TRUE(until([&] {
    late.step();
    return late.over;
  }));
  EXPECT_TRUE(logged(ann, "its certificate has expired"));
  EXPECT_EQ(count(ann, occurrence::handshakes_wrong_certificate), 1u);
}

TEST_F(certificates, are_asked_for) {
  node ann("ann");
  ann.listen(loop, named("a", "DNS:ann"));
  raw_socket way;
  way.connect(ann.net->address());
  tls_stranger nobody(tls_stranger::end::client, ::dup(way.handle()));
  ASSERT_TRUE(until([&] {
    nobody.step();
    return nobody.over;
  }));
  EXPECT_TRUE(logged(ann, "it shows no certificate"));
}

TEST_F(certificates, and_secrets_do_not_mix) {
  node ann("ann");
  node bob("bob");
  ann.listen(loop, named("a", "DNS:ann"));
  transport_options secret;
  secret.security.secret_file = folder.write("secret", new_secret());
  bob.listen(loop, secret);
  auto failure = failed_dial(ann, bob.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected) << failure.text;
  failure = failed_dial(bob, ann.net->address());
  EXPECT_EQ(failure.why, ports::dial_failure::rejected);
  EXPECT_TRUE(has(failure.text, "was started with --tls-cert")) << failure.text;
}

TEST_F(certificates, are_checked_at_the_start) {
  const auto good = ours.sign({"ann", "DNS:ann"});
  const auto other = ours.sign({"ann", "DNS:ann"});
  EXPECT_EQ(why_not(with("1", good, ours.pem())), "");
  EXPECT_TRUE(has(why_not(with("2", {good.cert, other.key}, ours.pem())), "does not belong"));
  EXPECT_TRUE(
      has(why_not(with("3", ours.sign({"ann", "", -7200, 3600}), ours.pem())), "has expired"));
  EXPECT_TRUE(has(why_not(with("4", ours.sign({"ann", "", 3600, 3600}), ours.pem())),
                  "is not valid before"));
  EXPECT_TRUE(has(why_not(with("5", {"nonsense", good.key}, ours.pem())), "no certificate in PEM"));
  EXPECT_TRUE(has(why_not(with("6", {good.cert, "nonsense"}, ours.pem())), "private key"));
  EXPECT_TRUE(has(why_not(with("7", good, "")), "the CA certificate"));
}

TEST_F(certificates, are_replaced_while_running) {
  node ann("ann");
  node bob("bob");
  ann.listen(loop, named("a", "DNS:ann"));
  bob.listen(loop, named("b", "DNS:bob"));
  const auto [first, at_bob] = join(ann, bob);
  const auto renewed = ours.sign({"ann", "DNS:ann"});
  // Files are replaced one by one; until both are there, what was read before is used.
  folder.write("a.pem", renewed.cert);
  ASSERT_FALSE(ann.net->reload_security());
  folder.write("a.key", renewed.key);
  ASSERT_TRUE(ann.net->reload_security());
  EXPECT_EQ(ann.retired, std::vector{first});
  ASSERT_TRUE(until([&] { return ann.closed.size() == 1; }));
  join(ann, bob);
}

}  // namespace
}  // namespace hedgerow::net
