// What becomes of requests between an engine and its connections.

#include <variant>

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

// A client that knows the leader from connection 1, its feed, and dials it on connection 2.
struct requests : testing::Test {
  requests() {
    outside.takes = true;
    one.start();
    one.offer({"127.0.0.1:1"});
    one.on_open(1, leader);
    one.on_message(1, message::leader_news{"a", "127.0.0.1:1", leader.incarnation, 7, 3000, 0});
    one.send(1, make_bytes("x"), outside.at.boot + seconds{1});
  }
  std::vector<message::request> sent() const {
    std::vector<message::request> found;
    for (const auto& [on, what] : outside.sent) {
      if (const auto* r = std::get_if<message::request>(&what)) found.push_back(*r);
    }
    return found;
  }
  message::reply reply(message::reply_status status) const {
    message::reply r;
    r.id = sent().back().id;
    r.status = status;
    return r;
  }

  const ports::peer leader{ports::peer_role::member, "a", "127.0.0.1:1", {1, 1}};
  const ports::peer other{ports::peer_role::member, "b", "127.0.0.1:2", {2, 2}};
  world outside;
  client_engine one{{outside, outside, outside, outside}, outside, outside, 1 << 20, 1};
};

TEST_F(requests, say_what_is_left_when_they_leave) {
  outside.at.boot = outside.at.boot + milliseconds{800};
  one.on_open(2, leader);
  ASSERT_EQ(sent().size(), 1U);
  EXPECT_EQ(sent()[0].remaining, milliseconds{200});
}

TEST_F(requests, are_answered_by_nobody_but_whom_they_went_to) {
  one.on_open(2, leader);
  one.on_open(3, other);
  for (const auto from : {1, 3}) {
    one.on_message(static_cast<ports::connection_id>(from),
                   reply(message::reply_status::overloaded));
    one.on_message(static_cast<ports::connection_id>(from), reply(message::reply_status::ok));
  }
  outside.at.boot = outside.at.boot + milliseconds{500};
  one.on_wake();
  EXPECT_EQ(sent().size(), 1U) << "tried again";
  EXPECT_TRUE(outside.done.empty());
  one.on_message(2, reply(message::reply_status::ok));
  ASSERT_EQ(outside.done.size(), 1U);
  EXPECT_TRUE(outside.done[0].second);
}

}  // namespace
}  // namespace hedgerow::engine
