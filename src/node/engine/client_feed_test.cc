// Whom a client follows when the agent that it followed is no use any more.

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
    auto known = std::make_shared<view>();
    known->id = {7, sequence};
    for (const auto& name : names) {
      member m;
      m.name = name;
      m.address = name;
      m.incarnation = {1, static_cast<std::uint64_t>(name[0])};
      known->members.push_back(m);
    }
    one.on_message(feed(), message::view_push{known});
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

}  // namespace
}  // namespace hedgerow::engine
