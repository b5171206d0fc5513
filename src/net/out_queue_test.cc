#include "net/out_queue.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/codec.h"
#include "wire/frame.h"

namespace hedgerow::net {
namespace {

constexpr std::size_t payload_limit = 1 << 20;

message::request request_of(std::uint64_t id, std::size_t size) {
  message::request out;
  out.id = id;
  out.payload = make_bytes(std::string(size, 'p'));
  return out;
}

message::stream_data data_of(std::uint64_t stream, std::string data) {
  return {stream, slice(make_bytes(data))};
}

// Writes up to `most` bytes of the queue to `wire`.
void write(out_queue& queue, std::size_t most, std::string& wire) {
  std::array<iovec, 8> pieces{};
  const std::size_t count = queue.gather(pieces);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < count && taken < most; ++i) {
    const std::size_t now = std::min(pieces.at(i).iov_len, most - taken);
    wire.append(static_cast<const char*>(pieces.at(i).iov_base), now);
    taken += now;
  }
  queue.sent(taken);
}

std::vector<message::any> messages_in(std::string_view wire) {
  std::vector<message::any> out;
  while (!wire.empty()) {
    const auto header = wire::decode_header(wire, wire::stage::open, payload_limit);
    if (!header || wire.size() < wire::frame_header_bytes + header->length) {
      ADD_FAILURE() << "not whole frames";
      break;
    }
    out.push_back(
        *wire::decode(header->type, wire.substr(wire::frame_header_bytes, header->length)));
    wire.remove_prefix(wire::frame_header_bytes + header->length);
  }
  return out;
}

TEST(out_queue, writes_everything_once_in_pieces_of_any_size) {
  base::random dice(1);
  for (const std::size_t most : {1U, 3U, 100U, 5000U, 100'000U}) {
    out_queue queue(payload_limit, 1 << 30);
    std::string wire;
    std::uint64_t requests = 0;
    std::uint64_t probes = 0;
    std::uint64_t pieces = 0;
    std::size_t data_bytes = 0;
    std::size_t drained = 0;
    for (int i = 0; i < 300; ++i) {
      const std::uint64_t lane = dice.below(3);
      if (lane == 0) {
        ASSERT_TRUE(queue.push(message::probe{++probes, {}}));
      } else if (lane == 1) {
        const std::string data(1 + dice.below(dice.chance(0.2) ? 9000 : 50), 'd');
        if (!queue.push(data_of(pieces + 1, data))) {
          EXPECT_GT(data_bytes - drained, limits::stream_lane_bytes);
          continue;
        }
        ++pieces;
        data_bytes += data.size();
      } else {
        ASSERT_TRUE(queue.push(request_of(++requests, dice.below(dice.chance(0.2) ? 9000 : 50))));
      }
      if (dice.chance(0.3)) write(queue, 1 + dice.below(most), wire);
      drained += queue.take_drained();
    }
    while (!queue.empty())
      write(queue, most, wire);
    EXPECT_EQ(drained + queue.take_drained(), data_bytes);
    EXPECT_EQ(queue.held(), 0U);
    std::uint64_t next_piece = 0;
    std::uint64_t next_request = 0;
    std::uint64_t next_probe = 0;
    for (const message::any& each : messages_in(wire)) {
      if (const auto* probe = std::get_if<message::probe>(&each)) {
        EXPECT_EQ(probe->nonce, ++next_probe);
      } else if (const auto* data = std::get_if<message::stream_data>(&each)) {
        EXPECT_EQ(data->stream, ++next_piece);
      } else {
        EXPECT_EQ(std::get<message::request>(each).id, ++next_request);
      }
    }
    EXPECT_EQ(next_piece, pieces);
    EXPECT_EQ(next_request, requests);
    EXPECT_EQ(next_probe, probes);
  }
}

TEST(out_queue, sends_control_first_at_the_border_of_a_frame) {
  out_queue queue(payload_limit, 1 << 30);
  ASSERT_TRUE(queue.push(request_of(1, 50'000)));
  ASSERT_TRUE(queue.push(request_of(2, 50'000)));
  std::string wire;
  write(queue, 10, wire);
  ASSERT_TRUE(queue.push(message::probe{7, {}}));
  while (!queue.empty())
    write(queue, 1000, wire);
  const auto got = messages_in(wire);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(std::get<message::request>(got[0]).id, 1U);
  EXPECT_EQ(std::get<message::probe>(got[1]).nonce, 7U);
  EXPECT_EQ(std::get<message::request>(got[2]).id, 2U);
}

TEST(out_queue, sends_the_data_of_streams_last_and_their_end_behind_it) {
  out_queue queue(payload_limit, 1 << 30);
  for (std::uint64_t i = 1; i <= 3; ++i)
    ASSERT_TRUE(queue.push(data_of(i, std::string(50'000, 'd'))));
  ASSERT_TRUE(queue.push(message::stream_finish{3}));
  std::string wire;
  write(queue, 10, wire);
  ASSERT_TRUE(queue.push(request_of(1, 50'000)));
  ASSERT_TRUE(queue.push(message::stream_credit{9, 1, 2}));
  while (!queue.empty())
    write(queue, 1000, wire);
  const auto got = messages_in(wire);
  ASSERT_EQ(got.size(), 6U);
  EXPECT_EQ(std::get<message::stream_data>(got[0]).stream, 1U);
  EXPECT_EQ(std::get<message::stream_credit>(got[1]).stream, 9U);
  EXPECT_EQ(std::get<message::request>(got[2]).id, 1U);
  EXPECT_EQ(std::get<message::stream_data>(got[3]).stream, 2U);
  EXPECT_EQ(std::get<message::stream_data>(got[4]).stream, 3U);
  EXPECT_EQ(std::get<message::stream_finish>(got[5]).stream, 3U);
}

TEST(out_queue, tells_what_data_has_left) {
  out_queue queue(payload_limit, 1 << 30);
  ASSERT_TRUE(queue.push(data_of(1, "some")));
  ASSERT_TRUE(queue.push(data_of(1, std::string(50'000, 'd'))));
  ASSERT_TRUE(queue.push(request_of(1, 100)));
  EXPECT_GE(queue.held(), 50'004U);
  std::string wire;
  write(queue, 40'000, wire);
  EXPECT_EQ(queue.take_drained(), 0U) << "not at the end of a frame";
  EXPECT_EQ(wire.find("dd"), wire.rfind("some") + 4 + 16) << "they share a chunk";
  while (!queue.empty())
    write(queue, 40'000, wire);
  EXPECT_EQ(queue.take_drained(), 50'004U);
  EXPECT_EQ(queue.take_drained(), 0U);
  ASSERT_TRUE(queue.push(data_of(1, "more")));
  queue.clear();
  EXPECT_EQ(queue.take_drained(), 0U);
  EXPECT_EQ(queue.held(), 0U);
}

TEST(out_queue, bounds_the_data_of_streams_alone) {
  out_queue queue(payload_limit, 10'000);
  const std::string frame(limits::stream_frame_bytes, 'd');
  const std::size_t fit = limits::stream_lane_bytes / frame.size() + 1;
  for (std::size_t i = 0; i < fit; ++i)
    ASSERT_TRUE(queue.push(data_of(1, frame)));
  EXPECT_FALSE(queue.push(data_of(1, "x")));
  EXPECT_TRUE(queue.push(message::stream_finish{1}));
  EXPECT_TRUE(queue.push(request_of(1, 5000)));
  EXPECT_TRUE(queue.push(message::stream_credit{}));
  std::string wire;
  while (!queue.empty())
    write(queue, 100'000, wire);
  EXPECT_EQ(messages_in(wire).size(), fit + 3);
  EXPECT_TRUE(queue.push(data_of(1, frame)));
}

TEST(out_queue, keeps_data_that_is_only_lent) {
  out_queue queue(payload_limit, 1 << 30);
  std::string own(50'000, 'd');
  const bytes shared = make_bytes(own);
  ASSERT_TRUE(queue.push(message::stream_data{1, slice(nullptr, own)}));
  ASSERT_TRUE(queue.push(message::stream_data{1, slice(shared)}));
  own.assign(own.size(), '!');
  std::array<iovec, 8> pieces{};
  ASSERT_EQ(queue.gather(pieces), 4U);
  EXPECT_EQ(pieces[3].iov_base, shared->data()) << "with an owner it is shared";
  std::string wire;
  while (!queue.empty())
    write(queue, 100'000, wire);
  EXPECT_EQ(wire.find('!'), std::string::npos);
}

TEST(out_queue, bounds_control_with_many_credits) {
  out_queue queue(payload_limit, 10'000);
  ASSERT_TRUE(queue.push(data_of(1, "d")));
  std::size_t taken = 0;
  while (queue.push(message::stream_credit{1, UINT32_MAX, ++taken}))
    ASSERT_LT(taken, 4'000'000U);
  EXPECT_LE(queue.held(), 25U << 20U);
}

TEST(out_queue, is_bounded_with_room_for_control) {
  out_queue queue(payload_limit, 10'000);
  EXPECT_TRUE(queue.push(request_of(1, 50'000)));  // alone it always fits
  EXPECT_FALSE(queue.push(request_of(2, 1)));
  EXPECT_TRUE(queue.push(message::probe{}));
  std::string wire;
  while (!queue.empty())
    write(queue, 100'000, wire);
  EXPECT_EQ(messages_in(wire).size(), 2U);
  EXPECT_TRUE(queue.push(request_of(3, 5000)));
  EXPECT_TRUE(queue.push(request_of(4, 4000)));
  EXPECT_FALSE(queue.push(request_of(5, 1000)));
  EXPECT_TRUE(queue.push(request_of(6, 500)));
}

TEST(out_queue, bounds_control_too) {
  out_queue queue(payload_limit, 10'000);
  std::size_t taken = 0;
  while (queue.push(message::leader_news{std::string(200, 'n'), {}, {}, 0, 0, 0})) {
    ASSERT_LT(++taken, 1'000'000U);
  }
  EXPECT_GT(taken, 1000U);
}

TEST(out_queue, refuses_what_cannot_be_encoded) {
  out_queue queue(100, 10'000);
  EXPECT_FALSE(queue.push(request_of(1, 101)));
  EXPECT_FALSE(queue.push(message::view_push{}));
  EXPECT_TRUE(queue.empty());
}

TEST(out_queue, shares_a_long_payload) {
  out_queue queue(payload_limit, 1 << 30);
  const auto what = request_of(1, 50'000);
  ASSERT_TRUE(queue.push(what));
  std::array<iovec, 8> pieces{};
  ASSERT_EQ(queue.gather(pieces), 2U);
  EXPECT_EQ(pieces[1].iov_base, what.payload->data());
}

}  // namespace
}  // namespace hedgerow::net
