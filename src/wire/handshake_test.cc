#include "wire/handshake.h"

#include <string>

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/limits.h"
#include "wire/frame.h"

namespace hedgerow::wire {
namespace {

const ports::peer ann{ports::peer_role::member, "ann", "127.0.0.1:7000", {1, 2}};

// The body, after a look at the header.
template <class Handshake>
std::string body_of(const Handshake& what, frame_type expected) {
  std::string out;
  EXPECT_TRUE(encode(what, out));
  const stage now = expected == frame_type::hello ? stage::awaiting_hello : stage::awaiting_answer;
  const auto header = decode_header(out, now, 0);
  EXPECT_TRUE(header);
  EXPECT_EQ(header->type, expected);
  EXPECT_EQ(header->length, out.size() - frame_header_bytes);
  return out.substr(frame_header_bytes);
}

std::string body_of(const hello& what) {
  return body_of(what, frame_type::hello);
}

bool same(const ports::peer& a, const ports::peer& b) {
  return a.role == b.role && a.name == b.name && a.address == b.address &&
         a.incarnation == b.incarnation;
}

TEST(handshake, brings_back_a_hello) {
  const auto back = decode_hello(body_of({protocol_version, "orders", ann, {3, 4}}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->version, protocol_version);
  EXPECT_EQ(back->group, "orders");
  EXPECT_TRUE(same(back->sender, ann));
  EXPECT_EQ(back->expected, (incarnation{3, 4}));
  const auto client =
      decode_hello(body_of({protocol_version, "g", {ports::peer_role::client, {}, {}, {}}, {}}));
  ASSERT_TRUE(client);
  EXPECT_EQ(client->sender.role, ports::peer_role::client);
  EXPECT_TRUE(client->expected.empty());
}

TEST(handshake, brings_back_a_welcome) {
  const auto back = decode_welcome(body_of(welcome{protocol_version, ann}, frame_type::welcome));
  ASSERT_TRUE(back);
  EXPECT_TRUE(same(back->receiver, ann));
}

TEST(handshake, brings_back_a_rejection) {
  const rejection what{protocol_version, rejection_code::other_incarnation, "gone", ann};
  const auto back = decode_rejection(body_of(what, frame_type::rejection));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->code, rejection_code::other_incarnation);
  EXPECT_EQ(back->text, "gone");
  ASSERT_TRUE(back->actual);
  EXPECT_TRUE(same(*back->actual, ann));
}

TEST(handshake, reads_a_code_of_the_future_as_malformed) {
  const rejection what{protocol_version, static_cast<rejection_code>(77), "new", {}};
  const auto back = decode_rejection(body_of(what, frame_type::rejection));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->code, rejection_code::malformed);
  EXPECT_EQ(back->text, "new");
}

TEST(handshake, wants_the_other_incarnation_named) {
  const rejection what{protocol_version, rejection_code::other_incarnation, "", {}};
  EXPECT_FALSE(decode_rejection(body_of(what, frame_type::rejection)));
}

TEST(handshake, leaves_another_version_to_the_caller) {
  hello what{99, std::string(300, 'g'), {}, {}};
  const auto back = decode_hello(body_of(what));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->version, 99U);
}

TEST(handshake, refuses_members_without_identity) {
  const auto refused = [](auto change) {
    hello what{protocol_version, "g", ann, {}};
    change(what);
    return !decode_hello(body_of(what));
  };
  EXPECT_FALSE(refused([](hello&) {}));
  EXPECT_TRUE(refused([](hello& h) { h.sender.name.clear(); }));
  EXPECT_TRUE(refused([](hello& h) { h.sender.address.clear(); }));
  EXPECT_TRUE(refused([](hello& h) { h.sender.incarnation = {}; }));
  EXPECT_TRUE(refused([](hello& h) { h.sender.name.assign(256, 'n'); }));
  EXPECT_TRUE(refused([](hello& h) { h.sender.address.assign(256, 'a'); }));
  EXPECT_TRUE(refused([](hello& h) { h.sender.role = static_cast<ports::peer_role>(2); }));
  EXPECT_TRUE(refused([](hello& h) { h.group.assign(256, 'g'); }));
}

TEST(handshake, never_grows_over_its_limit) {
  std::string out = "before";
  const hello what{protocol_version, std::string(5000, 'g'), ann, {}};
  EXPECT_EQ(encode(what, out).error().code, errc::too_large);
  EXPECT_EQ(out, "before");
}

TEST(handshake, survives_flipped_bits_and_truncation) {
  base::random dice(1);
  const std::string whole = body_of({protocol_version, "orders", ann, {3, 4}});
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string data = whole.substr(0, 1 + dice.below(whole.size()));
    data[dice.below(data.size())] ^= static_cast<char>(1 << dice.below(8));
    if (!decode_hello(data)) ++refused;
    if (!decode_welcome(data)) ++refused;
    if (!decode_rejection(data)) ++refused;
  }
  EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace hedgerow::wire
