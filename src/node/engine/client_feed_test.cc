// Whom a client follows when the agent that it followed is no use any more.

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

using ports::connection_id;

// A client that follows 'a', on connection 1. The address of each is its name.
struct client_feed : testing::Test {
  client_feed() {
    outside.takes = true;
    one.start();
    one.offer({"a"});
    open("a");
    tell_view(1, {"a", "b", "c"});
  }
  connection_id feed() const { return outside.dialled.size(); }
  const std::string& followed() const { return outside.dialled.back(); }
  void open(const std::string& name) {
    one.on_open(feed(), {ports::peer_role::member, name, name, {1, 1}});
  }
  void tell_view(std::uint64_t sequence, const std::vector<std::string>& names) {
    tell_view(feed(), sequence, names);
  }
  void tell_view(connection_id on, std::uint64_t sequence, const std::vector<std::string>& names) {
    auto known = std::make_shared<view>();
    known->id = {7, sequence};
    for (const auto& name : names) {
      member m;
      m.name = name;
      m.address = name;
      m.incarnation = {1, static_cast<std::uint64_t>(name[0])};
      known->members.push_back(m);
    }
    one.on_message(on, message::view_push{known});
  }
  void pass(nanoseconds how_long) {
    outside.at.boot = outside.at.boot + how_long;
    one.on_wake();
  }
  // As an agent does that has as many clients as it serves.
  void end_at_once() {
    open(followed());
    one.on_closed(feed(), "ended");
    pass(milliseconds{200});
  }
  // So long by its alarm alone, and nothing else happens.
  void wait(nanoseconds how_long) {
    const boot_time until = outside.at.boot + how_long;
    while (outside.alarm <= until) {
      outside.at.boot = outside.alarm;
      one.on_wake();
    }
    outside.at.boot = until;
  }
  void tell_leader() {
    one.on_message(feed(), message::leader_news{"b", "b", {1, 'b'}, 7, 3000, 0});
  }
  std::ptrdiff_t times_asked() const {
    return std::count_if(outside.sent.begin(), outside.sent.end(), [](const auto& each) {
      return std::holds_alternative<message::subscribe>(each.second);
    });
  }
  void refuse() {
    one.on_dial_failed(feed(), ports::dial_failure::refused, {}, "refused");
    pass(milliseconds{200});
  }

  world outside;
  client_engine one{{outside, outside, outside, outside}, outside, outside, 1 << 20, 1};
};

TEST_F(client_feed, that_is_lost_is_followed_by_one_of_the_newest_members) {
  one.on_closed(feed(), "gone");
  ASSERT_EQ(followed(), "b");
  open("b");
  tell_view(2, {"b", "d"});
  one.on_closed(feed(), "gone");
  EXPECT_EQ(followed(), "d") << "c is no member any more";
}

TEST_F(client_feed, that_is_ended_at_once_again_and_again_leaves_no_longer_list) {
  one.on_closed(feed(), "gone");
  for (int i = 0; i < 100; ++i)
    end_at_once();
  ASSERT_EQ(outside.addresses_wanted, 1);
  for (int i = 0; i < 3; ++i)
    refuse();
  EXPECT_EQ(outside.addresses_wanted, 2) << "all members were asked";
}

TEST_F(client_feed, that_is_ended_leads_to_each_member_in_its_turn) {
  const auto follows_in_turn = [&](auto end) {
    std::map<std::string, int> times;
    for (int i = 0; i < 12; ++i) {
      ++times[followed()];
      end();
    }
    return times == std::map<std::string, int>{{"a", 4}, {"b", 4}, {"c", 4}};
  };
  one.on_closed(feed(), "gone");
  EXPECT_TRUE(follows_in_turn([&] { end_at_once(); }));
  EXPECT_TRUE(follows_in_turn([&] {
    open(followed());
    tell_view(1, {"a", "b", "c"});
    one.on_closed(feed(), "gone");
  })) << "those who have told something, too";
}

// The first one has told nothing: those that were offered beside it are all that is known.
TEST_F(client_feed, that_is_ended_before_anything_was_told_leads_to_the_others_offered) {
  client_engine other{{outside, outside, outside, outside}, outside, outside, 1 << 20, 2};
  other.start();
  other.offer({"x", "y"});
  ASSERT_EQ(followed(), "x");
  other.on_open(feed(), {ports::peer_role::member, "x", "x", {1, 1}});
  other.on_closed(feed(), "ended");
  outside.at.boot = outside.at.boot + milliseconds{200};
  other.on_wake();
  EXPECT_EQ(followed(), "y");
}

// A leader that hangs says nothing more, and its connection stays: its kernel goes on to
// acknowledge.
struct removed_leader : client_feed {
  removed_leader() {
    tell_leader();
    stream = open_stream(one);
    one.on_open(feed(), {ports::peer_role::member, "b", "b", {1, 'b'}});
    one.on_message(feed(), message::stream_accept{1, 1 << 16, 7, "b"});
    one.send(9, std::make_shared<const std::string>("x"), outside.at.boot + seconds{60});
  }
  void remove() { tell_view(1, 2, {"a", "c"}); }
  core::stream_id stream = 0;
};

TEST_F(removed_leader, is_waited_for_a_little_and_then_no_more) {
  ASSERT_EQ(outside.opened, std::vector{stream});
  remove();
  wait(milliseconds{1900});
  EXPECT_TRUE(outside.ended.empty() && outside.done.empty()) << "it may have answered";
  wait(milliseconds{200});
  ASSERT_EQ(outside.ended.size(), 1U);
  EXPECT_FALSE(outside.ended[0].second.outcome);
  ASSERT_EQ(outside.done.size(), 1U);
  EXPECT_EQ(outside.done[0].second.error().code, errc::outcome_unknown);
  EXPECT_EQ(outside.closed, std::vector<connection_id>{2});
}

TEST_F(removed_leader, is_kept_if_it_is_a_member_again) {
  remove();
  wait(milliseconds{1000});
  tell_view(1, 3, {"a", "b", "c"});
  wait(milliseconds{1500});
  EXPECT_TRUE(outside.ended.empty() && outside.done.empty());
}

// As of a process that is stopped: its kernel goes on to acknowledge.
TEST_F(client_feed, that_is_silent_is_left_when_nobody_answers_there) {
  tell_leader();
  wait(milliseconds{1900});
  EXPECT_EQ(times_asked(), 1) << "when it was opened";
  wait(milliseconds{200});
  EXPECT_EQ(times_asked(), 2);
  wait(milliseconds{1800});
  EXPECT_TRUE(outside.closed.empty());
  wait(milliseconds{200});
  EXPECT_EQ(outside.closed, std::vector<connection_id>{1});
  EXPECT_EQ(followed(), "b");
  EXPECT_EQ(one.problem(), "a has fallen silent");
  EXPECT_EQ(one.view()->members.size(), 3U) << "what was known stays";
}

TEST_F(client_feed, that_is_silent_stays_where_somebody_answers) {
  for (int i = 0; i < 10; ++i) {
    wait(milliseconds{3900});
    EXPECT_EQ(times_asked(), 2 + i);
    tell_leader();
  }
  EXPECT_EQ(followed(), "a");
  EXPECT_TRUE(outside.closed.empty());
}

TEST_F(client_feed, that_is_told_of_often_is_asked_for_nothing) {
  for (int i = 0; i < 100; ++i) {
    tell_leader();
    wait(milliseconds{300});
  }
  EXPECT_EQ(times_asked(), 1);
}

// The view that it waits for may be large, and the link slow.
TEST_F(client_feed, that_is_silent_from_the_beginning_is_left_later_each_time) {
  one.on_closed(feed(), "gone");
  open("b");
  wait(milliseconds{2100});
  ASSERT_EQ(followed(), "c");
  open("c");
  wait(milliseconds{3900});
  EXPECT_EQ(outside.closed, std::vector<connection_id>{2});
  wait(milliseconds{200});
  EXPECT_EQ(outside.closed, (std::vector<connection_id>{2, 3}));
  ASSERT_EQ(followed(), "a");
  open("a");
  wait(milliseconds{7900});
  tell_leader();
  EXPECT_EQ(followed(), "a");
  wait(milliseconds{4100});
  EXPECT_EQ(followed(), "b") << "who has told something needs no more than before";
}

// The answer may lie in the socket, and this process was not there to read it.
TEST_F(client_feed, that_is_silent_is_asked_again_by_a_client_that_stood_still_itself) {
  wait(milliseconds{2100});
  ASSERT_EQ(times_asked(), 2);
  pass(seconds{60});
  EXPECT_TRUE(outside.closed.empty());
  EXPECT_EQ(times_asked(), 3);
  wait(milliseconds{2100});
  EXPECT_EQ(followed(), "b");
}

TEST_F(client_feed, that_is_closed_or_retired_is_watched_no_more) {
  tell_leader();
  one.on_retired(1);
  wait(seconds{10});
  ASSERT_EQ(outside.dialled.size(), 2U) << "a dial has its own deadline";
  open("a");
  one.on_closed(2, "gone");
  wait(seconds{10});
  EXPECT_EQ(outside.dialled.size(), 3U);
  EXPECT_EQ(outside.closed, std::vector<connection_id>{1});
  EXPECT_EQ(times_asked(), 2);
}

// The agent's side.
struct subscribed : testing::Test {
  subscribed() : one({}, {outside, outside, outside, outside, outside, outside}, outside, outside) {
    outside.takes = true;
    one.start();
    one.on_open(1, {ports::peer_role::client, {}, {}, {2, 2}});
    one.on_message(1, message::subscribe{});
  }
  std::size_t views() const {
    return static_cast<std::size_t>(std::count_if(
        outside.sent.begin(), outside.sent.end(),
        [](const auto& each) { return std::holds_alternative<message::view_push>(each.second); }));
  }

  world outside;
  engine one;
};

TEST_F(subscribed, is_answered_though_there_is_nothing_new) {
  ASSERT_EQ(outside.sent.size(), 2U);
  one.on_message(1, message::subscribe{});
  ASSERT_EQ(outside.sent.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<message::leader_news>(outside.sent[2].second));
  EXPECT_EQ(views(), 1U) << "it may be large";
}

TEST_F(subscribed, is_told_all_again_where_something_could_not_be_sent) {
  outside.takes = false;
  one.on_message(1, message::subscribe{});
  outside.takes = true;
  one.on_message(1, message::subscribe{});
  EXPECT_EQ(outside.sent.size(), 4U);
  EXPECT_EQ(views(), 2U);
}

TEST_F(client_feed, tells_what_remains_of_a_lease_that_is_renewed) {
  tell_leader();
  ASSERT_EQ(outside.told.name, "b");
  EXPECT_TRUE(outside.extended.empty());
  const auto words = outside.words;
  pass(seconds{1});
  tell_leader();
  ASSERT_EQ(outside.extended.size(), 1U);
  EXPECT_EQ(outside.extended[0].name, "b");
  EXPECT_EQ(outside.extended[0].remaining, milliseconds{3000});
  EXPECT_EQ(outside.words, words) << "it is no other leader";
}

}  // namespace
}  // namespace hedgerow::engine
