// The data of streams: order, windows, budgets, positions.

#include <vector>

#include <gtest/gtest.h>

#include "core/messaging/streams.h"
#include "core/messaging/test_streams.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t first = limits::stream_window_first;

TEST(streams_flow, order_is_kept_over_many_slices) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  for (std::size_t i = 0; i < 3000; ++i)
    g.write_of(e, i % 97);
  g.settle();
  EXPECT_EQ(g.user(taken).received, 3000U);
  g.pass(5ms);
  EXPECT_EQ(g.user(e).acknowledged, 3000U);
  EXPECT_EQ(g.user(e).taken, g.user(e).written_bytes);
}

class cut_at : public testing::TestWithParam<std::size_t> {};

TEST_P(cut_at, messages_arrive_whole_wherever_they_were_cut) {
  test_group g{2};
  g.piece = GetParam();
  const auto [e, taken] = g.opened();
  for (const std::size_t size : {0UL, 1UL, 5UL, 17UL, 0UL, 0UL, 300UL, 2UL})
    g.write_of(e, size);
  g.write_cut(taken, "an answer, in pieces of its writer", GetParam());
  g.write_cut(taken, "", GetParam());
  g.finish(e);
  g.finish(taken);
  g.settle();
  EXPECT_EQ(g.user(taken).received, 8U);
  EXPECT_EQ(g.user(e).received, 2U);
  EXPECT_TRUE(g.ended_well(e));
  EXPECT_TRUE(g.ended_well(taken));
}

INSTANTIATE_TEST_SUITE_P(streams_flow, cut_at, testing::Range<std::size_t>(1, 32));

TEST(streams_flow, a_message_of_the_limit_arrives_and_one_above_ends_the_stream) {
  test_group g{2, limits::stream_windows_max, 100'000};
  const auto [e, taken] = g.opened();
  g.write_of(e, 100'000);
  g.settle();
  EXPECT_EQ(g.user(taken).received, 1U);
  g.write_of(e, 100'001);
  g.settle();
  EXPECT_EQ(g.user(taken).received, 1U);
  EXPECT_EQ(g.error_of(e), errc::too_large);
  EXPECT_EQ(g.error_of(taken), errc::too_large);
  EXPECT_EQ(g.user(e).end->acknowledged, 1U);
}

TEST(streams_flow, a_length_that_nobody_may_send_allocates_nothing) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.hostile = true;
  g.forge(taken, message::stream_data{0, slice(make_bytes("\xff\xff\xff\xff and more"))});
  EXPECT_EQ(g.error_of(taken), errc::too_large);
}

TEST(streams_flow, four_mebibytes_go_through_a_first_window) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  ASSERT_EQ(g.user(taken).limit, first);
  g.write_of(e, limits::payload_bytes_default);
  g.write(e, "behind it");
  g.settle();
  EXPECT_EQ(g.user(taken).received, 2U);
  const auto promised = g.node(0).core.promised(g.user(taken).connection);
  EXPECT_LE(promised, limits::stream_window_max) << "the long window is not kept";
}

TEST(streams_flow, a_window_doubles_while_it_is_used_up) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  const auto connection = g.user(taken).connection;
  EXPECT_EQ(g.node(0).core.promised(connection), first);
  for (std::size_t i = 0; i < first / 1000 + 1; ++i)
    g.write_of(e, 1000);
  g.settle();
  EXPECT_EQ(g.node(0).core.promised(connection), 2 * first);
  for (std::size_t i = 0; i < 10'000; ++i)
    g.write_of(e, 1000);
  g.settle();
  EXPECT_EQ(g.node(0).core.promised(connection), limits::stream_window_max);
}

TEST(streams_flow, busy_streams_leave_room_for_new_ones) {
  test_group g{2, 16 * limits::stream_window_max};
  std::vector<test_end> busy;
  for (int i = 0; i < 17; ++i)
    busy.push_back(g.opened().first);
  for (const auto& e : busy)
    for (std::size_t i = 0; i < 60; ++i)
      g.write_of(e, 100'000);
  g.settle();
  EXPECT_LE(g.node(0).core.promised(g.user(busy[0]).connection),
            8 * limits::stream_window_max + 17 * first);
  const auto e = g.opened().first;
  g.write_of(e, limits::payload_bytes_default);
  g.pass(5ms);
  EXPECT_EQ(g.user(e).acknowledged, 1U);
}

TEST(streams_flow, a_reader_that_consumes_nothing_stops_its_own_writer_alone) {
  test_group g{2};
  g.node(0).reads = false;
  const auto [stopped, unread] = g.opened();
  g.node(0).reads = true;
  const auto [e, taken] = g.opened();
  for (std::size_t i = 0; i < 1000; ++i) {
    g.write_of(stopped, 1000);
    g.write_of(e, 1000);
  }
  g.pass(1s);
  EXPECT_EQ(g.user(taken).received, 1000U);
  EXPECT_EQ(g.user(e).acknowledged, 1000U);
  EXPECT_EQ(g.user(unread).arrived, first);
  EXPECT_EQ(g.user(stopped).taken, first);
  EXPECT_EQ(g.user(stopped).acknowledged, 0U);
  EXPECT_FALSE(g.user(stopped).end);
  g.user(unread).reads = true;
  g.consume(unread, g.user(unread).received);
  g.pass(1s);
  EXPECT_EQ(g.user(stopped).acknowledged, 1000U);
}

TEST(streams_flow, streams_of_one_connection_take_turns) {
  test_group g{2};
  const auto [long_one, a] = g.opened();
  const auto [small_one, b] = g.opened();
  g.write_of(long_one, limits::payload_bytes_default);
  g.write(small_one, "hello");
  const auto w = test_group::way{g.user(long_one).connection, true};
  while (g.user(b).received == 0)
    ASSERT_TRUE(g.leave(w) || g.deliver(w));
  EXPECT_LE(g.user(a).arrived, limits::stream_lane_bytes + limits::stream_frame_bytes);
}

TEST(streams_flow, what_waits_in_the_connections_queue_is_bounded) {
  test_group g{2};
  std::vector<test_end> open;
  for (int i = 0; i < 20; ++i)
    open.push_back(g.opened().first);
  g.lane_open = false;
  for (const auto& e : open)
    g.write_of(e, first - 4);
  std::size_t taken = 0;
  for (const auto& e : open)
    taken += g.user(e).taken;
  EXPECT_GE(taken, limits::stream_lane_bytes);
  EXPECT_LT(taken, limits::stream_lane_bytes + limits::stream_frame_bytes);
  g.lane_open = true;
  g.pass(5ms);
  for (const auto& e : open)
    EXPECT_EQ(g.user(e).acknowledged, 1U);
}

// What a stream that has gone has left in the queue counts for the next one.
TEST(streams_flow, the_queue_is_kept_count_of_over_the_end_of_a_stream) {
  test_group g{2};
  const auto a = g.opened().first;
  g.lane_open = false;
  for (int i = 0; i < 6; ++i)
    g.write_of(a, first - 4);
  g.settle();
  const auto before = g.user(a).taken;
  g.cancel(a, "enough");
  g.settle();
  const auto b = g.open(1);
  g.settle();
  g.write_of(b, first - 4);
  g.write_of(b, first - 4);
  g.settle();
  EXPECT_TRUE(g.user(b).open);
  EXPECT_LT(g.user(b).taken + before, limits::stream_lane_bytes + limits::stream_frame_bytes);
  g.lane_open = true;
  g.pass(5ms);
  EXPECT_EQ(g.user(b).acknowledged, 2U);
}

// Room for two first windows and one long message of 200,000 bytes, not for two.
constexpr std::size_t narrow = 2 * first + 200'000;

struct starving {
  test_group g{2, narrow};
  test_end a, b, at_a, at_b;

  starving() {
    g.node(0).reads = false;
    std::tie(a, at_a) = g.opened();
    std::tie(b, at_b) = g.opened();
  }
};

TEST(streams_flow, a_long_message_waits_until_another_stream_has_consumed_its_own) {
  starving s;
  s.g.write_of(s.a, 200'000);
  s.g.settle();
  EXPECT_EQ(s.g.user(s.at_a).received, 1U);
  s.g.write_of(s.b, 200'000);
  s.g.pass(9s);
  EXPECT_EQ(s.g.user(s.at_b).received, 0U);
  s.g.consume(s.at_a, 1);
  s.g.settle();
  EXPECT_EQ(s.g.user(s.at_b).received, 1U);
  s.g.consume(s.at_b, 1);
  s.g.pass(60s);
  EXPECT_EQ(s.g.user(s.b).acknowledged, 1U);
  EXPECT_FALSE(s.g.user(s.b).end);
}

TEST(streams_flow, a_long_message_waits_until_another_stream_has_ended) {
  starving s;
  s.g.write_of(s.a, 200'000);
  s.g.settle();
  s.g.write_of(s.b, 200'000);
  s.g.settle();
  s.g.cancel(s.a, "enough");
  s.g.settle();
  EXPECT_EQ(s.g.user(s.at_b).received, 1U);
}

TEST(streams_flow, a_long_message_that_waits_too_long_ends_its_stream) {
  starving s;
  s.g.write_of(s.a, 200'000);
  s.g.settle();
  s.g.write_of(s.b, 200'000);
  s.g.pass(10s);
  EXPECT_EQ(s.g.error_of(s.b), errc::cancelled);
  EXPECT_NE(s.g.user(s.b).end->outcome.error().context.find("no memory"), std::string::npos);
  EXPECT_TRUE(s.g.user(s.at_b).end);
  EXPECT_FALSE(s.g.user(s.a).end);
}

// Small messages before a long one that waits: they are consumed meanwhile, and the window with
// which it goes on is what it needs.
TEST(streams_flow, one_that_waits_goes_on_consuming_what_came_before) {
  starving s;
  s.g.write_of(s.a, 200'000);
  s.g.settle();
  for (int i = 0; i < 60; ++i)
    s.g.write_of(s.b, 1000);
  s.g.write_of(s.b, 100'000);
  s.g.write_of(s.b, 190'000);
  s.g.settle();
  for (int i = 0; i < 60; ++i)
    s.g.consume(s.at_b, 1);
  s.g.settle();
  s.g.consume(s.at_a, 1);
  s.g.user(s.at_b).reads = true;
  s.g.pass(30s);
  s.g.consume(s.at_b, 99);
  s.g.pass(30s);
  EXPECT_FALSE(s.g.user(s.b).end);
  EXPECT_EQ(s.g.user(s.b).acknowledged, 62U);
}

TEST(streams_flow, what_is_consumed_is_acknowledged_within_five_milliseconds) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.write(e, "hello");
  g.settle();
  EXPECT_EQ(g.user(taken).consumed, 1U);
  EXPECT_EQ(g.user(e).acknowledged, 0U);
  g.write(e, "again");
  g.pass(4ms);
  EXPECT_EQ(g.user(e).acknowledged, 0U);
  g.pass(1ms);
  EXPECT_EQ(g.user(e).acknowledged, 2U);
  EXPECT_EQ(g.sent["credit"], 1) << "for both";
  g.pass(1s);
  EXPECT_EQ(g.sent["credit"], 1);
}

TEST(streams_flow, half_a_window_is_acknowledged_at_once) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.write_of(e, first / 2 - 4);
  g.settle();
  EXPECT_EQ(g.user(e).acknowledged, 1U);
}

TEST(streams_flow, nothing_is_acknowledged_before_it_is_consumed) {
  test_group g{2};
  g.node(0).reads = false;
  const auto [e, taken] = g.opened();
  for (int i = 0; i < 10; ++i)
    g.write(e, "hello");
  g.pass(1s);
  EXPECT_EQ(g.user(taken).unread.size(), 10U);
  EXPECT_EQ(g.user(e).acknowledged, 0U);
  g.consume(taken, 4);
  g.pass(5ms);
  EXPECT_EQ(g.user(e).acknowledged, 4U);
}

TEST(streams_flow, after_a_half_close_the_other_way_goes_on) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.finish(e);
  g.settle();
  EXPECT_TRUE(g.user(taken).finished);
  for (std::size_t i = 0; i < 1000; ++i) {
    g.write_of(taken, 500);
    if (i % 100 == 0) g.pass(1s);
  }
  g.pass(1s);
  EXPECT_EQ(g.user(e).received, 1000U);
  EXPECT_FALSE(g.user(e).end);
  g.write(e, "too late");
  EXPECT_TRUE(g.user(e).written.empty());
  g.finish(taken);
  g.settle();
  EXPECT_TRUE(g.ended_well(e));
  EXPECT_TRUE(g.ended_well(taken));
}

}  // namespace
}  // namespace hedgerow::core
