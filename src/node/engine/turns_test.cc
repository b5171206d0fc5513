// What an engine tells, sends and asks within one turn, and in which order.

#include <algorithm>
#include <variant>

#include <gtest/gtest.h>

#include "node/engine/test_world.h"

namespace hedgerow::engine {
namespace {

struct turns : testing::Test, lone_leader {
  turns() { outside.takes = true; }

  template <class Message>
  std::ptrdiff_t sent_on(ports::connection_id id) const {
    return std::count_if(outside.sent.begin(), outside.sent.end(), [&](const auto& s) {
      return s.first == id && std::holds_alternative<Message>(s.second);
    });
  }

  const incarnation other_life{1, 1};
  const ports::peer other{ports::peer_role::member, "a", "127.0.0.1:1", other_life};
};

TEST_F(turns, what_the_owner_does_for_word_of_the_clock_is_done_in_the_same) {
  lead();
  outside.at.truth.status = clock_status::unknown;
  outside.on_clock_do = [&] { one.send(1, make_bytes("x"), boot_time::never()); };
  pass(milliseconds{50});
  one.on_wake();
  EXPECT_EQ(outside.jobs, 0) << "it must not lead";
  outside.at.truth.status = clock_status::synchronized;
  outside.on_clock_do = [&] { one.send(2, make_bytes("y"), boot_time::never()); };
  pass(milliseconds{200});
  one.on_wake();
  EXPECT_EQ(outside.jobs, 2);
}

TEST_F(turns, R10_the_loss_of_ones_own_is_told_before_anothers_lead) {
  lead();
  pass(seconds{1});
  one.on_wake();
  ASSERT_EQ(outside.lease_asked.action, ports::lease_action::renew);
  outside.words.clear();
  row = row_of_leader(other_life, "m1");
  row.address = "10.0.0.1:1";
  row.token = token + 1;
  row.expires = {9'000'000};
  answer_lease(false);
  EXPECT_EQ(outside.words, (std::vector<std::string>{"leads not", "leader ", "leader a"}));
}

TEST_F(turns, an_owner_may_stop_it_within_word_of_its_lead) {
  outside.on_leadership_do = [&] { one.stop(); };
  lead();
  EXPECT_EQ(outside.words, (std::vector<std::string>{"leads", "leads not"}));
  EXPECT_EQ(outside.lease_asked.action, ports::lease_action::release);
}

TEST_F(turns, a_new_leader_asks_for_views_also_whom_it_reaches_only_then) {
  take_lease();
  member a;
  a.name = "a";
  a.address = "10.0.0.1:1";
  a.incarnation = other_life;
  answer_view({{token, 5}, "of a lost store", {a}, {}, token - 1});
  ASSERT_EQ(outside.dialled, std::vector<std::string>{"10.0.0.1:1"});
  EXPECT_EQ(sent_on<message::view_pull>(1), 0);
  one.on_open(1, other);
  EXPECT_EQ(sent_on<message::view_pull>(1), 1);
}

struct joiner : turns {
  joiner() {
    one.start();
    row.address = other.address;
    row.machine = {};
    row.expires = {9'000'000};
    answer_lease(true);
    one.on_open(1, other);
  }
};

TEST_F(joiner, J1_asks_again_on_a_new_connection_while_it_was_not_answered) {
  EXPECT_EQ(sent_on<message::join>(1), 1);
  one.on_closed(1, "cut");
  one.on_open(2, other);
  EXPECT_EQ(sent_on<message::join>(2), 1);
}

TEST_F(joiner, J1_asks_when_it_is_time_once_it_was_answered) {
  one.on_message(1, message::join_reply{message::join_status::admitted, {}});
  one.on_closed(1, "cut");
  one.on_open(2, other);
  EXPECT_EQ(sent_on<message::join>(2), 0);
}

TEST_F(joiner, asks_no_more_once_it_stops) {
  one.stop();
  one.on_closed(1, "cut");
  one.on_open(2, other);
  EXPECT_EQ(sent_on<message::join>(2), 0);
}

}  // namespace
}  // namespace hedgerow::engine
