#include "wire/codec.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/limits.h"
#include "wire/frame.h"
#include "wire/payload.h"

namespace hedgerow::wire {
namespace {

using base::random;

constexpr std::size_t payload_limit = 1 << 20;
constexpr std::size_t alternatives = std::variant_size_v<message::any>;

std::string text(random& dice, std::size_t most, std::size_t least = 0) {
  std::string out(least + dice.below(most - least + 1), '\0');
  for (char& each : out)
    each = static_cast<char>(dice.next());
  return out;
}

incarnation some_incarnation(random& dice) {
  return {dice.next() | 1, dice.next()};
}

view_id some_view_id(random& dice) {
  return {static_cast<fencing_token>(dice.next() >> 1), dice.next()};
}

template <class Enum>
Enum some(random& dice, Enum last) {
  return static_cast<Enum>(dice.below(static_cast<std::uint64_t>(last) + 1));
}

member some_member(random& dice) {
  member out{text(dice, limits::name_bytes_max, 1),
             text(dice, limits::address_bytes_max),
             some_incarnation(dice),
             some(dice, member_state::leaving),
             some(dice, member_health::degraded),
             text(dice, limits::zone_bytes_max),
             {},
             text(dice, limits::machine_bytes_max)};
  for (std::uint64_t i = dice.below(4); i > 0; --i)
    out.tags[text(dice, 20)] = text(dice, 40);
  return out;
}

view_ptr some_view(random& dice, std::size_t members) {
  view out{some_view_id(dice), {}, {}};
  for (std::size_t i = 0; i < members; ++i)
    out.members.push_back(some_member(dice));
  for (std::uint64_t i = dice.below(limits::removed_kept_max + 1); i > 0; --i) {
    out.removed.push_back({text(dice, limits::name_bytes_max, 1), some_incarnation(dice),
                           some(dice, removal_reason::replaced)});
  }
  return std::make_shared<const view>(std::move(out));
}

message::report some_report(random& dice) {
  message::report out{dice.next(), some_view_id(dice), {}};
  for (std::uint64_t i = dice.below(30); i > 0; --i)
    out.edges.push_back({some_incarnation(dice), some(dice, message::edge_state::left)});
  return out;
}

message::beat some_beat(random& dice) {
  message::beat out{dice.next(),
                    static_cast<fencing_token>(dice.next() >> 1),
                    {static_cast<std::int64_t>(dice.next())},
                    some_view_id(dice),
                    {}};
  for (std::uint64_t i = dice.below(30); i > 0; --i)
    out.extra_subjects.push_back(some_incarnation(dice));
  return out;
}

bytes some_payload(random& dice) {
  return make_bytes(text(dice, dice.chance(0.2) ? 100'000 : 100));
}

message::stream_open some_open(random& dice) {
  message::stream_open out{dice.next(),
                           some(dice, message::request_kind::broadcast),
                           dice.next() >> 1,
                           nanoseconds{dice.next() >> 1},
                           nanoseconds{dice.next() >> 1},
                           text(dice, limits::name_bytes_max),
                           {}};
  for (std::uint64_t i = dice.below(4); i > 0; --i)
    out.metadata[text(dice, 20, 1)] = text(dice, 40);
  return out;
}

message::any some_of_a_stream(random& dice, std::size_t alternative) {
  switch (alternative) {
    case 14:
      return some_open(dice);
    case 15:
      return message::stream_accept{dice.next(), dice.next() >> 1,
                                    static_cast<fencing_token>(dice.next() >> 1),
                                    text(dice, limits::name_bytes_max)};
    case 16:
      return message::stream_data{
          dice.next(), slice(make_bytes(text(dice, dice.chance(0.2) ? 100'000 : 100, 1)))};
    case 17:
      return message::stream_credit{dice.next(), dice.next() >> 1, dice.next() >> 1};
    case 18:
      return message::stream_finish{dice.next()};
    default:
      return message::stream_reset{dice.next(),
                                   some(dice, message::stream_code::violation),
                                   dice.next() >> 1,
                                   text(dice, limits::error_text_bytes_max),
                                   some_incarnation(dice),
                                   text(dice, limits::address_bytes_max)};
  }
}

message::any some_message(random& dice, std::size_t alternative) {
  const auto token = static_cast<fencing_token>(dice.next() >> 1);
  switch (alternative) {
    case 0:
      return message::probe{dice.next(), some_view_id(dice)};
    case 1:
      return message::probe_ack{dice.next(), some_view_id(dice)};
    case 2:
      return some_beat(dice);
    case 3:
      return some_report(dice);
    case 4:
      return message::view_push{some_view(dice, dice.below(20))};
    case 5:
      return message::view_pull{some_view_id(dice)};
    case 6:
      return message::join{some_member(dice)};
    case 7:
      return message::join_reply{some(dice, message::join_status::cut_off),
                                 text(dice, limits::address_bytes_max)};
    case 8:
      return message::leave{};
    case 9:
      return message::released{token, dice.below(2) == 1};
    case 10:
      return message::subscribe{};
    case 11:
      return message::leader_news{text(dice, limits::name_bytes_max),
                                  text(dice, limits::address_bytes_max),
                                  some_incarnation(dice),
                                  token,
                                  static_cast<std::int64_t>(dice.next()),
                                  static_cast<std::int64_t>(dice.next())};
    case 12:
      return message::request{dice.next(), some(dice, message::request_kind::broadcast),
                              nanoseconds{dice.next() >> 1}, text(dice, limits::name_bytes_max),
                              some_payload(dice)};
    case 13:
      return message::reply{dice.next(),
                            some(dice, message::reply_status::unknown),
                            static_cast<fencing_token>(dice.next()),
                            text(dice, limits::name_bytes_max),
                            some_incarnation(dice),
                            text(dice, limits::address_bytes_max),
                            some_payload(dice)};
    default:
      return some_of_a_stream(dice, alternative);
  }
}

// Field by field, so that a field that the codec forgets is noticed.
template <class T>
auto fields(const T& m) {
  using namespace message;
  if constexpr (std::is_same_v<T, probe> || std::is_same_v<T, probe_ack>) {
    return std::tie(m.nonce, m.view);
  } else if constexpr (std::is_same_v<T, beat>) {
    return std::tie(m.nonce, m.token, m.expires, m.view, m.extra_subjects);
  } else if constexpr (std::is_same_v<T, report>) {
    return std::tie(m.nonce, m.view, m.edges);
  } else if constexpr (std::is_same_v<T, view_push>) {
    return std::tie(*m.view);
  } else if constexpr (std::is_same_v<T, view_pull>) {
    return std::tie(m.have);
  } else if constexpr (std::is_same_v<T, join>) {
    return std::tie(m.who);
  } else if constexpr (std::is_same_v<T, join_reply>) {
    return std::tie(m.status, m.address);
  } else if constexpr (std::is_same_v<T, released>) {
    return std::tie(m.token, m.stood_back);
  } else if constexpr (std::is_same_v<T, leader_news>) {
    return std::tie(m.name, m.address, m.incarnation, m.token, m.remaining_ms, m.view_age_ms);
  } else if constexpr (std::is_same_v<T, request>) {
    return std::tie(m.id, m.kind, m.remaining, m.from, *m.payload);
  } else if constexpr (std::is_same_v<T, reply>) {
    return std::tie(m.id, m.status, m.token, m.from, m.leader, m.leader_address, *m.payload);
  } else if constexpr (std::is_same_v<T, stream_open>) {
    return std::tie(m.stream, m.kind, m.limit, m.remaining, m.idle, m.from, m.metadata);
  } else if constexpr (std::is_same_v<T, stream_accept>) {
    return std::tie(m.stream, m.limit, m.token, m.from);
  } else if constexpr (std::is_same_v<T, stream_data>) {
    return std::tie(m.stream, m.data.text);
  } else if constexpr (std::is_same_v<T, stream_credit>) {
    return std::tie(m.stream, m.limit, m.consumed);
  } else if constexpr (std::is_same_v<T, stream_finish>) {
    return std::tie(m.stream);
  } else if constexpr (std::is_same_v<T, stream_reset>) {
    return std::tie(m.stream, m.code, m.consumed, m.text, m.leader, m.leader_address);
  } else {
    return std::tuple<>();
  }
}

bool same(const message::any& a, const message::any& b) {
  return a.index() == b.index() &&
         std::visit(
             [&](const auto& left) {
               return fields(left) == fields(std::get<std::decay_t<decltype(left)>>(b));
             },
             a);
}

std::string encoded(const message::any& what) {
  std::string out;
  const auto done = encode(what, payload_limit, out);
  EXPECT_TRUE(done) << done.error().message();
  return out;
}

result<message::any> decode_whole(std::string_view data) {
  const auto header = decode_header(data, stage::open, payload_limit);
  if (!header) return tl::unexpected<error>(header.error());
  if (data.size() != frame_header_bytes + header->length) {
    return fail(errc::invalid_argument, "the header's length is not the body's");
  }
  return decode(header->type, data.substr(frame_header_bytes));
}

TEST(codec, brings_back_every_message) {
  random dice(1);
  for (std::size_t round = 0; round < 50 * alternatives; ++round) {
    const message::any what = some_message(dice, round % alternatives);
    ASSERT_EQ(what.index(), round % alternatives);
    const std::string frame = encoded(what);
    const auto back = decode_whole(frame);
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_TRUE(same(what, *back)) << "alternative " << what.index();
  }
}

TEST(codec, brings_back_the_largest_view) {
  random dice(2);
  const message::any what = message::view_push{some_view(dice, limits::members_max)};
  const auto back = decode_whole(encoded(what));
  ASSERT_TRUE(back);
  EXPECT_TRUE(same(what, *back));
}

TEST(codec, survives_every_truncation) {
  random dice(3);
  for (std::size_t i = 0; i < alternatives; ++i) {
    const message::any what = some_message(dice, i);
    const std::string whole = encoded(what);
    const std::size_t step = whole.size() > 4000 ? 97 : 1;
    for (std::size_t size = frame_header_bytes; size < whole.size(); size += step) {
      const std::string_view cut = std::string_view(whole).substr(0, size);
      EXPECT_FALSE(decode_whole(cut));
      const auto back = decode(type_of(what), cut.substr(frame_header_bytes));
      EXPECT_FALSE(back && same(what, *back)) << "alternative " << i << " cut at " << size;
    }
  }
}

TEST(codec, survives_flipped_bits) {
  random dice(4);
  std::size_t refused = 0;
  for (std::size_t round = 0; round < 400 * alternatives; ++round) {
    std::string data = encoded(some_message(dice, round % alternatives));
    for (std::uint64_t flips = 1 + dice.below(3); flips > 0; --flips) {
      data[dice.below(data.size())] ^= static_cast<char>(1 << dice.below(8));
    }
    const auto back = decode_whole(data);
    // What was accepted is a valid message: it can be said again.
    if (!back || encoded(*back).empty()) ++refused;
  }
  EXPECT_GT(refused, 0U);
}

TEST(codec, keeps_the_request_format) {
  const message::request what{0x0102030405060708, message::request_kind::broadcast,
                              nanoseconds{0x0a0b}, "ann", make_bytes("hi")};
  const std::string expected(
      "\x19\0\0\0\x40\0\0\0"              // length 25, type 64
      "\x08\x07\x06\x05\x04\x03\x02\x01"  // id
      "\x0b\x0a\0\0\0\0\0\0"              // remaining
      "\x01\x03\0\0"                      // kind, length of the name
      "annhi",
      33);
  EXPECT_EQ(encoded(what), expected);
}

TEST(codec, keeps_the_reply_format) {
  const message::reply what{
      7, message::reply_status::not_leader, -2, "bo", {3, 4}, "h:1", make_bytes("x")};
  const std::string expected(
      "\x2a\0\0\0\x41\0\0\0"              // length 42, type 65
      "\x07\0\0\0\0\0\0\0"                // id
      "\xfe\xff\xff\xff\xff\xff\xff\xff"  // token
      "\x03\0\0\0\0\0\0\0"                // incarnation, high
      "\x04\0\0\0\0\0\0\0"                // and low
      "\x02\x02\x03\0"                    // status, lengths of name and address
      "boh:1x",
      50);
  EXPECT_EQ(encoded(what), expected);
}

TEST(codec, keeps_the_control_format) {
  EXPECT_EQ(encoded(message::probe{5, {6, 7}}),
            std::string("\x08\0\0\0\x10\0\0\0\x08\x05\x12\x04\x08\x06\x10\x07", 16));
}

TEST(codec, leaves_a_long_payload_where_it_is) {
  message::request what;
  what.payload = make_bytes(std::string(5000, 'p'));
  std::string out = "before";
  const auto rest = encode(what, payload_limit, 4999, out);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->owner, what.payload);  // the very same string
  EXPECT_EQ(out.substr(6).append(rest->text), encoded(what));
  std::string copied;
  EXPECT_TRUE(encode(what, payload_limit, 5000, copied)->empty());
  EXPECT_EQ(copied, encoded(what));
}

TEST(codec, refuses_to_encode_over_a_limit) {
  std::string out = "before";
  const auto refused_as = [&](const message::any& what, errc code) {
    const auto done = encode(what, payload_limit, out);
    return !done && done.error().code == code;
  };
  message::request long_payload;
  long_payload.payload = make_bytes(std::string(payload_limit + 1, 'p'));
  EXPECT_TRUE(refused_as(long_payload, errc::too_large));
  message::reply long_name;
  long_name.from.assign(256, 'n');
  EXPECT_TRUE(refused_as(long_name, errc::invalid_argument));
  EXPECT_TRUE(refused_as(message::view_push{}, errc::invalid_argument));
  random dice(5);
  auto big = *some_view(dice, 2 * limits::members_max);
  for (member& each : big.members)
    each.tags["k"] = std::string(limits::tags_bytes_max - 1, 't');
  const message::view_push push{std::make_shared<const view>(big)};
  EXPECT_TRUE(refused_as(push, errc::too_large));
  EXPECT_EQ(out, "before");
}

TEST(codec, refuses_members_over_their_limits) {
  random dice(6);
  const auto refused = [&](auto change) {
    message::join what{some_member(dice)};
    what.who.tags.clear();
    EXPECT_TRUE(decode_whole(encoded(what)));
    change(what.who);
    return !decode_whole(encoded(what));
  };
  EXPECT_TRUE(refused([](member& m) { m.name.clear(); }));
  EXPECT_TRUE(refused([](member& m) { m.name.assign(256, 'n'); }));
  EXPECT_TRUE(refused([](member& m) { m.address.assign(256, 'a'); }));
  EXPECT_TRUE(refused([](member& m) { m.zone.assign(256, 'z'); }));
  EXPECT_TRUE(refused([](member& m) { m.machine.assign(17, '0'); }));
  EXPECT_TRUE(refused([](member& m) { m.incarnation = {}; }));
  EXPECT_TRUE(refused([](member& m) { m.state = static_cast<member_state>(3); }));
  EXPECT_TRUE(refused([](member& m) { m.health = static_cast<member_health>(2); }));
  EXPECT_TRUE(refused([](member& m) { m.tags["k"].assign(limits::tags_bytes_max, 't'); }));
  EXPECT_FALSE(refused([](member& m) { m.tags["k"].assign(limits::tags_bytes_max - 1, 't'); }));
}

TEST(codec, refuses_lists_and_numbers_over_their_limits) {
  random dice(7);
  const auto ok = [](const message::any& what) { return decode_whole(encoded(what)).has_value(); };
  message::report report{1, {}, std::vector<message::edge>(limits::members_max)};
  EXPECT_TRUE(ok(report));
  report.edges.emplace_back();
  EXPECT_FALSE(ok(report));
  message::beat beat;
  beat.extra_subjects.resize(limits::members_max);
  EXPECT_TRUE(ok(beat));
  beat.extra_subjects.emplace_back();
  EXPECT_FALSE(ok(beat));
  view crowd{{}, std::vector<member>(limits::members_max + 1, some_member(dice)), {}};
  EXPECT_FALSE(ok(message::view_push{std::make_shared<const view>(crowd)}));
  crowd.members.clear();
  crowd.removed.resize(limits::removed_kept_max + 1, {"n", {1, 1}, removal_reason::left});
  EXPECT_FALSE(ok(message::view_push{std::make_shared<const view>(crowd)}));
  EXPECT_FALSE(ok(message::released{-1, false}));
  EXPECT_FALSE(ok(message::view_pull{{-1, 0}}));
  EXPECT_FALSE(ok(message::join_reply{static_cast<message::join_status>(5), ""}));
  EXPECT_FALSE(decode(frame_type::view_push, ""));  // no view at all
}

TEST(codec, refuses_malformed_requests_and_replies) {
  const std::string request = encoded(message::request{}).substr(frame_header_bytes);
  const std::string reply = encoded(message::reply{}).substr(frame_header_bytes);
  const auto refused = [](frame_type type, std::string body, std::size_t at, char value) {
    EXPECT_TRUE(decode(type, body));
    body.at(at) = value;
    return !decode(type, body);
  };
  EXPECT_TRUE(refused(frame_type::request, request, 15, '\x80'));  // negative time
  EXPECT_TRUE(refused(frame_type::request, request, 16, 2));       // kind
  EXPECT_TRUE(refused(frame_type::request, request, 17, 1));       // a name that is not there
  EXPECT_TRUE(refused(frame_type::request, request, 18, 1));
  EXPECT_TRUE(refused(frame_type::request, request, 19, 1));
  EXPECT_TRUE(refused(frame_type::reply, reply, 32, 8));  // status
  EXPECT_TRUE(refused(frame_type::reply, reply, 33, 1));
  EXPECT_TRUE(refused(frame_type::reply, reply, 34, 1));
  EXPECT_TRUE(refused(frame_type::reply, reply, 35, 1));
}

TEST(codec, says_expired_for_a_time_that_is_over) {
  message::request late;
  late.remaining = nanoseconds{-5};
  const auto back = decode_whole(encoded(late));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<message::request>(*back).remaining, nanoseconds::zero());
}

TEST(codec, refuses_frame_types_that_carry_no_message) {
  for (unsigned type = 0; type < 256; ++type) {
    const auto kind = static_cast<frame_type>(type);
    const bool known = body_limit(kind, stage::open, payload_limit).has_value();
    EXPECT_EQ(known,
              (type >= 16 && type <= 27) || type == 64 || type == 65 || (type >= 72 && type <= 77));
    EXPECT_TRUE(known || !decode(kind, ""));
  }
}

}  // namespace
}  // namespace hedgerow::wire
