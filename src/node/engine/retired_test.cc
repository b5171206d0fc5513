// What engines make of a connection whose secret is out of use: what is under way on it goes on,
// and what is new takes a new one.

#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

using ports::connection_id;

const incarnation leader_life{1, 1};

// A client that knows the leader, on connection 1, its feed.
struct retired : testing::Test {
  retired() {
    outside.takes = true;
    one.start();
    one.offer({"127.0.0.1:1"});
    one.on_open(1, leader);
    one.on_message(1, message::leader_news{"a", "127.0.0.1:1", leader_life, 7, 3000, 0});
  }
  // Its number on the wire, where it has been asked for on this connection alone; else 0.
  std::uint64_t asked_on(connection_id id) const {
    std::uint64_t found = 0;
    for (const auto& [on, what] : outside.sent) {
      if (const auto* open = std::get_if<message::stream_open>(&what); open != nullptr && on == id)
        found = open->stream;
    }
    return found;
  }
  std::size_t data_on(connection_id id) const {
    std::size_t bytes = 0;
    for (const auto& [on, what] : outside.sent) {
      if (const auto* data = std::get_if<message::stream_data>(&what); data != nullptr && on == id)
        bytes += data->data.size();
    }
    return bytes;
  }
  void write(core::stream_id id, std::string text) {
    const std::string length{static_cast<char>(text.size()), 0, 0, 0};  // little-endian
    one.stream_write(id, slice(make_bytes(length + text)), 1);
  }

  const ports::peer leader{ports::peer_role::member, "a", "127.0.0.1:1", leader_life};
  world outside;
  client_engine one{{outside, outside, outside, outside}, outside, outside, 1 << 20, 1};
};

TEST_F(retired, streams_go_on_and_new_ones_take_another) {
  const auto early = open_stream(one);
  ASSERT_EQ(outside.dialled.size(), 2u);
  one.on_open(2, leader);
  one.on_message(2, message::stream_accept{asked_on(2), 1000, 7, "a"});
  one.on_retired(2);
  EXPECT_TRUE(outside.closed.empty());
  write(early, "early");
  EXPECT_GT(data_on(2), 0u) << "it stays where it is";

  const auto late = open_stream(one);
  ASSERT_EQ(outside.dialled.size(), 3u);
  one.on_open(3, leader);
  one.on_message(3, message::stream_accept{asked_on(3), 1000, 7, "a"});
  const auto before = data_on(2);
  write(late, "late");
  EXPECT_EQ(data_on(2), before);
  EXPECT_GT(data_on(3), 0u);

  one.on_closed(2, "out of use");
  ASSERT_EQ(outside.ended.size(), 1u);
  EXPECT_EQ(outside.ended[0].first, early);
  const auto& how = outside.ended[0].second.outcome;
  ASSERT_FALSE(how);
  EXPECT_EQ(how.error().code, errc::outcome_unknown);
  EXPECT_NE(how.error().message().find("out of use"), std::string::npos) << how.error().message();
  EXPECT_EQ(outside.dialled.size(), 3u) << "the new one serves";
}

// Nothing of it is consumed yet: another connection will do.
TEST_F(retired, a_stream_that_was_not_taken_is_asked_for_again) {
  open_stream(one);
  one.on_open(2, leader);
  ASSERT_NE(asked_on(2), 0u);
  one.on_retired(2);
  one.on_closed(2, "out of use");
  EXPECT_TRUE(outside.ended.empty());
}

TEST_F(retired, answers_still_come_and_new_requests_take_another) {
  one.send(1, make_bytes("first"), boot_time::never());
  one.on_open(2, leader);
  const auto request = std::get<message::request>(outside.sent.back().second).id;
  one.on_retired(2);
  one.send(2, make_bytes("second"), boot_time::never());
  ASSERT_EQ(outside.dialled.size(), 3u);
  one.on_open(3, leader);
  EXPECT_EQ(outside.sent.back().first, 3u);
  message::reply answer;
  answer.id = request;
  one.on_message(2, std::move(answer));
  ASSERT_EQ(outside.done.size(), 1u);
  EXPECT_EQ(outside.done[0].first, 1u);
  one.on_closed(2, "out of use");
  EXPECT_EQ(outside.done.size(), 1u) << "the second is on the other connection";
}

TEST_F(retired, a_request_without_an_answer_ends_with_its_connection) {
  one.send(1, make_bytes("first"), boot_time::never());
  one.on_open(2, leader);
  one.on_retired(2);
  one.on_closed(2, "out of use");
  ASSERT_EQ(outside.done.size(), 1u);
  EXPECT_EQ(outside.done[0].second.error().code, errc::outcome_unknown);
}

// Probes and beats must not miss a period for it.
TEST(retired_member, dials_anew_at_once) {
  world outside;
  options mine;
  mine.self.name = "n";
  mine.self.address = "127.0.0.1:2";
  engine one(mine, {outside, outside, outside, outside, outside, outside}, outside, outside);
  one.start();
  const auto row = row_of_leader(leader_life, "");
  one.on_lease_reply(outside.asked, {ports::store_outcome::done, true, row, "e", {}});
  ASSERT_EQ(outside.dialled.size(), 1u);
  outside.takes = true;
  one.on_open(1, {ports::peer_role::member, "a", "127.0.0.1:1", leader_life});
  one.on_retired(1);
  ASSERT_EQ(outside.dialled.size(), 2u);
  EXPECT_EQ(outside.dialled[1], "127.0.0.1:1");
  EXPECT_TRUE(outside.closed.empty());
  one.on_retired(1);
  EXPECT_EQ(outside.dialled.size(), 2u);
}

}  // namespace
}  // namespace hedgerow::engine
