#include "wire/frame.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/little_endian.h"
#include "base/random.h"
#include "model/limits.h"
#include "wire/payload.h"

namespace hedgerow::wire {
namespace {

constexpr std::size_t payload_limit = 1 << 20;

std::string frame_of(frame_type type, std::string_view body) {
  const auto header = encode_header({static_cast<std::uint32_t>(body.size()), type});
  return std::string(header.data(), header.size()).append(body);
}

std::string noise(base::random& dice, std::size_t size) {
  std::string out(size, '\0');
  for (char& each : out)
    each = static_cast<char>(dice.next());
  return out;
}

struct received {
  frame_type type;
  std::string body;          // with the payload
  std::uint64_t stream = 0;  // of stream_data

  bool operator==(const received&) const = default;
};

// Feeds `stream` in pieces of at most `piece` bytes.
result<std::vector<received>> cut(frame_reader& reader, std::string_view stream, std::size_t piece,
                                  std::size_t* most_held = nullptr) {
  std::array<char, frame_reader::scratch_bytes_min> scratch{};
  std::vector<received> out;
  while (!stream.empty()) {
    const auto room = reader.space(scratch);
    EXPECT_FALSE(room.empty());
    const std::size_t count = std::min({room.size(), piece, stream.size()});
    std::memcpy(room.data(), stream.data(), count);
    stream.remove_prefix(count);
    reader.arrived(count);
    while (true) {
      auto next = reader.next();
      if (!next) return tl::unexpected<error>(next.error());
      if (!*next) break;
      frame& got = **next;
      if (got.type == frame_type::stream_data) {
        EXPECT_FALSE(got.body.empty());
        out.push_back({got.type, std::string(got.body), got.stream});
        continue;
      }
      out.push_back({got.type, std::string(got.body) + got.payload});
    }
    if (most_held != nullptr) *most_held = std::max(*most_held, reader.held());
    scratch.fill('!');  // others use it too
  }
  return out;
}

TEST(frame, keeps_the_header_format) {
  const auto header = encode_header({0x01020304, frame_type::request});
  EXPECT_EQ(std::string(header.data(), header.size()), std::string("\4\3\2\1\x40\0\0\0", 8));
}

TEST(frame, refuses_headers_out_of_place) {
  const auto header = [](frame_type type, std::uint32_t length, stage now) {
    const auto data = encode_header({length, type});
    return decode_header({data.data(), data.size()}, now, payload_limit).has_value();
  };
  EXPECT_TRUE(header(frame_type::hello, handshake_bytes_max, stage::awaiting_hello));
  EXPECT_FALSE(header(frame_type::hello, handshake_bytes_max + 1, stage::awaiting_hello));
  EXPECT_FALSE(header(frame_type::welcome, 1, stage::awaiting_hello));
  EXPECT_FALSE(header(frame_type::probe, 1, stage::awaiting_hello));
  EXPECT_FALSE(header(frame_type::request, 1, stage::awaiting_answer));
  EXPECT_TRUE(header(frame_type::welcome, handshake_bytes_max, stage::awaiting_answer));
  EXPECT_FALSE(header(frame_type::rejection, handshake_bytes_max + 1, stage::awaiting_answer));
  EXPECT_FALSE(header(frame_type::hello, 1, stage::open));
  EXPECT_TRUE(header(frame_type::view_push, limits::control_bytes_max, stage::open));
  EXPECT_FALSE(header(frame_type::view_push, limits::control_bytes_max + 1, stage::open));
  EXPECT_FALSE(header(frame_type::probe, 1 << 20, stage::open));
  EXPECT_TRUE(header(frame_type::reply, payload_limit + payload_head_max, stage::open));
  EXPECT_FALSE(header(frame_type::reply, payload_limit + payload_head_max + 1, stage::open));
  EXPECT_FALSE(header(frame_type::reply, UINT32_MAX, stage::open));
  EXPECT_FALSE(header(static_cast<frame_type>(200), 1, stage::open));
}

TEST(frame, refuses_flags) {
  for (std::size_t at = 5; at < frame_header_bytes; ++at) {
    auto data = encode_header({0, frame_type::leave});
    data.at(at) = 1;
    EXPECT_FALSE(decode_header({data.data(), data.size()}, stage::open, payload_limit));
  }
}

std::vector<received> some_frames(base::random& dice) {
  std::vector<received> out;
  for (int i = 0; i < 12; ++i) {
    std::string head(request_head_bytes, '\0');
    head[17] = static_cast<char>(dice.below(256));
    head += noise(dice, static_cast<unsigned char>(head[17]));
    out.push_back({frame_type::request, head + noise(dice, dice.below(i % 3 == 0 ? 90'000 : 300))});
    out.push_back({frame_type::view_push, noise(dice, dice.below(i % 4 == 0 ? 50'000 : 5000))});
    out.push_back({frame_type::leave, ""});
  }
  return out;
}

TEST(frame_reader, cuts_a_stream_in_pieces_of_any_size) {
  base::random dice(1);
  for (const std::size_t piece : {1U, 2U, 7U, 8U, 9U, 100U, 4096U, 16'384U, 1'000'000U}) {
    const auto frames = some_frames(dice);
    std::string stream;
    for (const received& each : frames)
      stream += frame_of(each.type, each.body);
    frame_reader reader(stage::open, payload_limit);
    const auto got = cut(reader, stream, piece);
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(*got, frames) << "in pieces of " << piece;
  }
}

TEST(frame_reader, hands_over_a_long_payload_apart_from_its_head) {
  std::string body(request_head_bytes, '\0');
  body[17] = 3;
  body += "ann" + std::string(100'000, 'p');
  const std::string stream = frame_of(frame_type::request, body);
  std::array<char, frame_reader::scratch_bytes_min> scratch{};
  frame_reader reader(stage::open, payload_limit);
  std::string_view left = stream;
  while (!left.empty()) {
    const auto room = reader.space(scratch);
    const std::size_t count = std::min(room.size(), left.size());
    std::memcpy(room.data(), left.data(), count);
    left.remove_prefix(count);
    reader.arrived(count);
    if (!left.empty()) {
      EXPECT_FALSE(*reader.next());
    }
  }
  const auto got = reader.next();
  ASSERT_TRUE(got && *got);
  EXPECT_TRUE((*got)->split);
  EXPECT_EQ((*got)->body, body.substr(0, request_head_bytes + 3));
  EXPECT_EQ((*got)->payload, std::string(100'000, 'p'));
}

TEST(frame_reader, allocates_in_step_with_what_arrives) {
  const auto header = encode_header({payload_limit, frame_type::request});
  std::string stream(header.data(), header.size());
  frame_reader reader(stage::open, payload_limit);
  ASSERT_TRUE(cut(reader, stream, 8));
  EXPECT_LE(reader.held(), 64U);
  stream.assign(request_head_bytes, '\0');
  ASSERT_TRUE(cut(reader, stream, 1000));
  std::size_t arrived = 0;
  while (arrived < payload_limit / 2) {
    stream.assign(3000, 'p');
    arrived += stream.size();
    std::size_t held = 0;
    ASSERT_TRUE(cut(reader, stream, stream.size(), &held));
    EXPECT_LE(held, std::max<std::size_t>(10'000, 2 * arrived + 100));
  }
}

std::string data_frame(std::uint64_t stream, std::string_view data) {
  std::string body(stream_head_bytes, '\0');
  base::store_u64(body.data(), stream);
  return frame_of(frame_type::stream_data, body.append(data));
}

// Pieces of one stream that follow each other, put together.
std::vector<received> joined(const std::vector<received>& in) {
  std::vector<received> out;
  for (const received& each : in) {
    const bool more = each.type == frame_type::stream_data && !out.empty() &&
                      out.back().type == each.type && out.back().stream == each.stream;
    if (more) {
      out.back().body += each.body;
    } else {
      out.push_back(each);
    }
  }
  return out;
}

TEST(frame_reader, hands_on_stream_data_in_pieces_of_any_size) {
  base::random dice(3);
  std::string stream;
  std::vector<received> expected;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const std::string data = noise(dice, 1 + dice.below(i % 5 == 0 ? 60'000 : 40));
    stream += data_frame(i, data);
    expected.push_back({frame_type::stream_data, data, i});
    if (i % 3 == 0) {
      stream += frame_of(frame_type::leave, "");
      expected.push_back({frame_type::leave, ""});
    }
  }
  for (const std::size_t piece : {1U, 7U, 8U, 15U, 16U, 17U, 1000U, 1'000'000U}) {
    frame_reader reader(stage::open_to_client, payload_limit);
    reader.set_stage(stage::open);
    const auto got = cut(reader, stream, piece);
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(joined(*got), expected) << "in pieces of " << piece;
    EXPECT_FALSE(reader.within_frame());
  }
}

TEST(frame_reader, yields_the_same_data_wherever_two_receives_meet) {
  const std::string stream =
      data_frame(5, "one") + frame_of(frame_type::leave, "") + data_frame(6, "other");
  const std::vector<received> expected{{frame_type::stream_data, "one", 5},
                                       {frame_type::leave, ""},
                                       {frame_type::stream_data, "other", 6}};
  for (std::size_t at = 1; at < stream.size(); ++at) {
    frame_reader reader(stage::open, payload_limit);
    auto got = cut(reader, std::string_view(stream).substr(0, at), stream.size());
    ASSERT_TRUE(got);
    EXPECT_EQ(reader.within_frame(), at != 19 && at != 27) << at;
    EXPECT_LE(reader.held(), 64U);
    const auto rest = cut(reader, std::string_view(stream).substr(at), stream.size());
    ASSERT_TRUE(rest);
    got->insert(got->end(), rest->begin(), rest->end());
    EXPECT_EQ(joined(*got), expected) << "cut at " << at;
  }
}

TEST(frame_reader, holds_nothing_of_stream_data) {
  const std::string stream = data_frame(5, std::string(limits::stream_frame_bytes_max, 'd'));
  frame_reader reader(stage::open, payload_limit);
  std::size_t held = 0;
  const auto got = cut(reader, stream, 5000, &held);
  ASSERT_TRUE(got);
  EXPECT_LE(held, 64U);
  EXPECT_GT(got->size(), 20U) << "each as it arrives";
}

TEST(frame_reader, refuses_stream_data_without_data_or_too_long) {
  const auto refused = [](std::size_t length) {
    frame_reader reader(stage::open, payload_limit);
    const auto header =
        encode_header({static_cast<std::uint32_t>(length), frame_type::stream_data});
    return !cut(reader, {header.data(), header.size()}, 100);
  };
  for (std::size_t length = 0; length <= stream_head_bytes; ++length)
    EXPECT_TRUE(refused(length));
  EXPECT_FALSE(refused(stream_head_bytes + 1));
  EXPECT_FALSE(refused(stream_head_bytes + limits::stream_frame_bytes_max));
  EXPECT_TRUE(refused(stream_head_bytes + limits::stream_frame_bytes_max + 1));
}

TEST(frame, lets_clients_open_streams_but_not_accept_them) {
  for (unsigned type = 72; type <= 77; ++type) {
    const auto kind = static_cast<frame_type>(type);
    EXPECT_TRUE(body_limit(kind, stage::open, payload_limit));
    EXPECT_EQ(body_limit(kind, stage::open_to_client, payload_limit).has_value(),
              kind != frame_type::stream_accept);
    EXPECT_FALSE(body_limit(kind, stage::awaiting_hello, payload_limit));
    EXPECT_FALSE(body_limit(kind, stage::awaiting_answer, payload_limit));
  }
}

TEST(frame_reader, lets_a_stranger_hold_little) {
  frame_reader reader(stage::awaiting_hello, payload_limit);
  const auto header = encode_header({handshake_bytes_max, frame_type::hello});
  std::size_t held = 0;
  std::string stream = std::string(header.data(), header.size()) + std::string(4000, 'h');
  ASSERT_TRUE(cut(reader, stream, 1, &held));
  EXPECT_LE(held, 2 * handshake_bytes_max);
}

TEST(frame_reader, fails_on_the_first_frame_of_a_wrong_kind) {
  frame_reader reader(stage::open, payload_limit);
  const std::string stream = frame_of(frame_type::leave, "") + frame_of(frame_type::hello, "x");
  EXPECT_FALSE(cut(reader, stream, 1000));
}

TEST(frame_reader, obeys_a_change_of_stage) {
  frame_reader reader(stage::awaiting_hello, payload_limit);
  EXPECT_TRUE(cut(reader, frame_of(frame_type::hello, "h"), 3));
  reader.set_stage(stage::open);
  EXPECT_TRUE(cut(reader, frame_of(frame_type::leave, ""), 3));
  EXPECT_FALSE(cut(reader, frame_of(frame_type::hello, "h"), 3));
}

TEST(frame_reader, survives_noise) {
  base::random dice(2);
  for (int round = 0; round < 2000; ++round) {
    frame_reader reader(static_cast<stage>(dice.below(3)), payload_limit);
    std::string stream = noise(dice, 200);
    if (dice.chance(0.5)) stream = frame_of(static_cast<frame_type>(dice.below(80)), stream);
    std::size_t held = 0;
    const auto got = cut(reader, stream, 1 + dice.below(50), &held);
    EXPECT_LE(held, 10'000U);
  }
}

}  // namespace
}  // namespace hedgerow::wire
