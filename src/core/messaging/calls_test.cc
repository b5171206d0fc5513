// DESIGN 6: every call ends in exactly one of three ways, and only what was certainly not executed
// is tried again.

#include "core/messaging/calls.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using message::reply_status;

target node(std::uint64_t n) {
  const std::string name = "m" + std::to_string(n);
  return {name, name + ":1", {n, n}};
}

struct caller {
  calls core{"me", 100};
  boot_time now{1'000'000'000'000};
  call_effects out;
  std::vector<call_effect::transmit> sent;
  std::vector<call_effect::send_done> done;
  std::vector<call_effect::broadcast_reply> parts;
  std::vector<call_effect::forget> forgotten;
  std::size_t broadcasts_done = 0;

  template <class Call>
  void act(Call call) {
    out.clear();
    call();
    for (auto& e : out) {
      if (auto* t = std::get_if<call_effect::transmit>(&e)) sent.push_back(*t);
      if (auto* d = std::get_if<call_effect::send_done>(&e)) done.push_back(*d);
      if (auto* p = std::get_if<call_effect::broadcast_reply>(&e)) parts.push_back(*p);
      if (auto* f = std::get_if<call_effect::forget>(&e)) forgotten.push_back(*f);
      if (std::holds_alternative<call_effect::broadcast_done>(e)) ++broadcasts_done;
    }
  }
  void lead(std::uint64_t n) {
    act([&] { core.on_leader(now, node(n), out); });
  }
  void send(call_id id, std::string_view text = "hello", nanoseconds within = 1s) {
    act([&] { core.send(now, id, make_bytes(text), now + within, out); });
  }
  void broadcast(call_id id, std::vector<target> to, nanoseconds within = 1s) {
    act([&] { core.broadcast(now, id, make_bytes("hello"), now + within, std::move(to), out); });
  }
  void answer(reply_status status, std::uint64_t leader = 0, std::string_view text = "yes") {
    message::reply r{sent.back().request.id, status, 7, sent.back().to->name, {}, {}, {}};
    if (leader != 0) {
      r.leader = node(leader).incarnation;
      r.leader_address = node(leader).address;
    }
    r.payload = make_bytes(text);
    act([&] { core.on_reply(now, std::move(r), out); });
  }
  void left() { core.on_sent(sent.back().request.id); }
  void cut() {
    act([&] { core.on_cut(now, sent.back().request.id, "cut", out); });
  }
  void unsent(bool gone = false) {
    act([&] { core.on_unsent(now, sent.back().request.id, "unsent", gone, out); });
  }
  void tick(nanoseconds d = {}) {
    now = now + d;
    act([&] { core.tick(now, out); });
  }
  std::error_code code() const { return done.at(0).outcome.error().code; }
};

TEST(calls, a_send_goes_to_the_leader_and_ends_with_its_reply) {
  caller c;
  c.lead(1);
  c.send(5);
  ASSERT_EQ(c.sent.size(), 1U);
  EXPECT_EQ(c.sent[0].to->incarnation, node(1).incarnation);
  EXPECT_EQ(c.sent[0].request.remaining, 1s);
  EXPECT_EQ(c.sent[0].request.from, "me");
  c.left();
  c.answer(reply_status::ok);
  ASSERT_EQ(c.done.size(), 1U);
  EXPECT_EQ(c.done[0].id, 5U);
  EXPECT_EQ(c.done[0].outcome->payload, "yes");
  EXPECT_EQ(c.done[0].outcome->token, 7);
  EXPECT_EQ(c.core.open(), 0U);
  EXPECT_EQ(c.core.next_wake(), boot_time::never());
}

TEST(calls, a_send_waits_for_a_leader) {
  caller c;
  c.send(5);
  EXPECT_TRUE(c.sent.empty());
  c.lead(1);
  EXPECT_EQ(c.sent.size(), 1U);
}

TEST(calls, no_leader_up_to_the_deadline) {
  caller c;
  c.send(5);
  EXPECT_EQ(c.core.next_wake(), c.now + 1s);
  c.tick(1s);
  ASSERT_EQ(c.done.size(), 1U);
  EXPECT_EQ(c.code(), errc::no_leader);
  EXPECT_EQ(c.done[0].outcome.error().outcome(), call_outcome::not_executed);
}

TEST(calls, without_an_answer_what_has_left_is_unknown_and_what_has_not_is_not_executed) {
  for (const bool left : {false, true}) {
    caller c;
    c.lead(1);
    c.send(5);
    if (left) c.left();
    c.tick(1s);
    ASSERT_EQ(c.done.size(), 1U);
    EXPECT_EQ(c.code(), left ? errc::outcome_unknown : errc::not_executed);
    ASSERT_EQ(c.forgotten.size(), 1U) << "or it might still be sent";
    EXPECT_EQ(c.forgotten[0].request, c.sent[0].request.id);
  }
}

TEST(calls, a_connection_that_breaks_leaves_the_outcome_unknown_and_nothing_is_sent_again) {
  caller c;
  c.lead(1);
  c.send(5);
  c.left();
  c.cut();
  ASSERT_EQ(c.done.size(), 1U);
  EXPECT_EQ(c.code(), errc::outcome_unknown);
  c.lead(2);
  c.tick(500ms);
  EXPECT_EQ(c.sent.size(), 1U);
}

TEST(calls, what_never_left_is_tried_again_after_a_pause) {
  caller c;
  c.lead(1);
  c.send(5);
  c.unsent();
  EXPECT_EQ(c.sent.size(), 1U) << "no storm";
  c.tick(c.core.next_wake() - c.now);
  ASSERT_EQ(c.sent.size(), 2U);
  EXPECT_LT(c.sent[1].request.remaining, 1s);
}

TEST(calls, what_was_turned_away_is_tried_again_until_the_deadline) {
  for (const auto status : {reply_status::not_leader, reply_status::overloaded,
                            reply_status::expired, reply_status::stopping}) {
    caller c;
    c.lead(1);
    c.send(5);
    for (int i = 0; c.done.empty() && i < 1000; ++i) {
      c.left();
      c.answer(status);
      c.tick(c.core.next_wake() - c.now);
    }
    ASSERT_EQ(c.done.size(), 1U);
    EXPECT_EQ(c.code(), errc::not_executed);
    EXPECT_GE(c.sent.size(), 5U);
    EXPECT_LE(c.sent.size(), 10U) << "no storm";
  }
}

TEST(calls, pauses_grow_at_one_leader_and_begin_anew_at_the_next) {
  caller c;
  c.lead(1);
  c.send(5);
  std::vector<nanoseconds> pauses;
  for (int i = 0; i < 4; ++i) {
    c.left();
    c.answer(reply_status::overloaded);
    pauses.push_back(c.core.next_wake() - c.now);
    c.tick(pauses.back());
  }
  EXPECT_EQ(pauses, (std::vector<nanoseconds>{25ms, 50ms, 100ms, 200ms}));
  c.left();
  c.lead(2);
  c.answer(reply_status::stopping);
  c.left();
  c.answer(reply_status::overloaded);
  EXPECT_EQ(c.core.next_wake() - c.now, 25ms);
}

TEST(calls, a_new_leader_gets_at_once_what_the_old_one_turned_away) {
  caller c;
  c.lead(1);
  c.send(5);
  c.left();
  c.answer(reply_status::stopping);
  EXPECT_EQ(c.sent.size(), 1U);
  c.lead(2);
  ASSERT_EQ(c.sent.size(), 2U);
  EXPECT_EQ(c.sent[1].to->incarnation, node(2).incarnation);
}

TEST(calls, what_is_in_flight_is_not_sent_to_a_new_leader_too) {
  caller c;
  c.lead(1);
  c.send(5);
  c.left();
  c.lead(2);
  EXPECT_EQ(c.sent.size(), 1U);
}

TEST(calls, a_hint_to_the_leader_is_followed_but_not_in_circles) {
  caller c;
  c.lead(1);
  c.send(5);
  c.answer(reply_status::not_leader, 2);
  ASSERT_EQ(c.sent.size(), 2U);
  EXPECT_EQ(c.sent[1].to->address, node(2).address);
  for (int i = 0; i < 50; ++i)
    c.answer(reply_status::not_leader,
             c.sent.back().to->incarnation == node(2).incarnation ? 1 : 2);
  EXPECT_LE(c.sent.size(), 10U) << "two that point at each other";
}

TEST(calls, a_handlers_error_is_final) {
  caller c;
  c.lead(1);
  c.send(5);
  c.left();
  c.answer(reply_status::handler_failed, 0, "no such thing");
  ASSERT_EQ(c.done.size(), 1U);
  EXPECT_EQ(c.code(), errc::handler_failed);
  EXPECT_EQ(c.done[0].outcome.error().context, "no such thing");
}

TEST(calls, a_handler_that_was_cut_off_leaves_the_outcome_unknown) {
  caller c;
  c.lead(1);
  c.send(5);
  c.left();
  c.answer(reply_status::unknown);
  EXPECT_EQ(c.code(), errc::outcome_unknown);
}

TEST(calls, a_second_answer_is_ignored) {
  caller c;
  c.lead(1);
  c.send(5);
  c.left();
  c.answer(reply_status::ok);
  c.answer(reply_status::ok);
  c.cut();
  c.tick(2s);
  EXPECT_EQ(c.done.size(), 1U);
}

TEST(calls, too_much_is_refused_at_once) {
  caller c;
  c.lead(1);
  c.send(5, std::string(101, 'x'));
  EXPECT_EQ(c.code(), errc::too_large);
  EXPECT_TRUE(c.sent.empty());
}

TEST(calls, a_broadcast_answers_for_each_member_and_then_ends) {
  caller c;
  c.broadcast(6, {node(1), node(2), node(3)});
  ASSERT_EQ(c.sent.size(), 3U);
  c.act([&] {
    c.core.on_reply(
        c.now, {c.sent[1].request.id, reply_status::ok, 1, "m2", {}, {}, make_bytes("yes")}, c.out);
  });
  ASSERT_EQ(c.parts.size(), 1U);
  EXPECT_EQ(c.parts[0].answer.name, "m2");
  c.act([&] { c.core.on_unsent(c.now, c.sent[0].request.id, "refused", true, c.out); });
  ASSERT_EQ(c.parts.size(), 2U) << "who is gone is not tried again";
  EXPECT_EQ(c.parts[1].answer.answer.error().code, errc::not_executed);
  EXPECT_EQ(c.broadcasts_done, 0U);
  c.core.on_sent(c.sent[2].request.id);
  c.tick(1s);
  ASSERT_EQ(c.parts.size(), 3U);
  EXPECT_EQ(c.parts[2].answer.answer.error().code, errc::outcome_unknown);
  EXPECT_EQ(c.broadcasts_done, 1U);
  EXPECT_TRUE(std::holds_alternative<call_effect::broadcast_done>(c.out.back()));
}

TEST(calls, a_broadcast_to_nobody_ends_at_once) {
  caller c;
  c.broadcast(6, {});
  EXPECT_EQ(c.broadcasts_done, 1U);
}

TEST(calls, a_broadcast_is_not_for_the_leader) {
  caller c;
  c.broadcast(6, {node(1)});
  c.unsent();
  c.lead(2);
  EXPECT_EQ(c.sent.size(), 1U);
  c.tick(c.core.next_wake() - c.now);
  ASSERT_EQ(c.sent.size(), 2U);
  EXPECT_EQ(c.sent[1].to->incarnation, node(1).incarnation);
}

TEST(calls, stopping_ends_everything_and_takes_nothing_more) {
  caller c;
  c.send(4);
  c.lead(1);
  c.left();
  c.act([&] { c.core.on_leader(c.now, std::nullopt, c.out); });
  c.send(5);
  c.broadcast(6, {node(2)});
  c.act([&] { c.core.stop(c.out); });
  ASSERT_EQ(c.done.size(), 2U);
  EXPECT_EQ(c.done[0].outcome.error().code, errc::outcome_unknown);
  EXPECT_EQ(c.done[1].outcome.error().code, errc::stopped);
  EXPECT_EQ(c.parts.size(), 1U);
  EXPECT_EQ(c.broadcasts_done, 1U);
  c.send(7);
  c.broadcast(8, {node(2)});
  EXPECT_EQ(c.done.back().outcome.error().code, errc::stopped);
  EXPECT_EQ(c.parts.size(), 2U);
  EXPECT_EQ(c.broadcasts_done, 2U);
  EXPECT_EQ(c.core.next_wake(), boot_time::never());
}

// Whatever happens, in whatever order: one end per call, and none after its deadline.
TEST(calls, every_call_ends_once) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    base::random random(seed);
    caller c;
    std::size_t begun = 0;
    for (int i = 0; i < 200; ++i) {
      switch (random.below(8)) {
        case 0:
          c.send(++begun, "x", milliseconds{random.between(0, 300)});
          break;
        case 1:
          c.lead(1 + random.below(3));
          break;
        case 2:
          c.act([&] { c.core.on_leader(c.now, std::nullopt, c.out); });
          break;
        case 3:
          if (!c.sent.empty()) c.left();
          break;
        case 4:
          if (!c.sent.empty()) c.answer(reply_status(random.below(8)), random.below(4));
          break;
        case 5:
          if (!c.sent.empty()) c.unsent(random.chance(0.5));
          break;
        case 6:
          if (!c.sent.empty()) c.cut();
          break;
        default:
          c.tick(milliseconds{random.between(0, 40)});
          EXPECT_GT(c.core.next_wake(), c.now) << "it spins";
          break;
      }
    }
    c.tick(300ms);
    EXPECT_EQ(c.core.open(), 0U) << "seed " << seed;
    ASSERT_EQ(c.done.size(), begun) << "seed " << seed;
    std::set<call_id> distinct;
    for (const auto& d : c.done)
      distinct.insert(d.id);
    ASSERT_EQ(distinct.size(), begun) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hedgerow::core
