// DESIGN 6: what is handled, under which token, and that each request is answered once.

#include "core/messaging/inbox.h"

#include <gtest/gtest.h>

#include "model/limits.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using message::reply_status;
using message::request_kind;

constexpr boot_time now{1'000'000'000'000};

authority leader() {
  authority may;
  may.leading = true;
  may.member = true;
  may.token = 7;
  may.view_token = 6;
  return may;
}

struct desk {
  inbox core{"me"};
  inbox_effects out;

  void ask(const authority& may, request_kind kind = request_kind::send, nanoseconds remaining = 1s,
           std::string_view payload = "hello") {
    out.clear();
    core.on_request(now, 3, {11, kind, remaining, "you", make_bytes(payload)}, may, out);
  }
  const inbox_effect::run* run() const {
    return out.size() == 1 ? std::get_if<inbox_effect::run>(&out[0]) : nullptr;
  }
  reply_status refused() const {
    if (out.size() != 1) return reply_status::ok;
    const auto* a = std::get_if<inbox_effect::answer>(&out[0]);
    return a == nullptr ? reply_status::ok : a->reply.status;
  }
};

TEST(inbox, a_send_runs_under_the_token_of_the_lease_until_the_callers_deadline) {
  desk d;
  d.ask(leader());
  ASSERT_NE(d.run(), nullptr);
  EXPECT_EQ(d.run()->work.token, 7);
  EXPECT_EQ(d.run()->work.deadline, now + 1s);
  EXPECT_EQ(d.run()->work.from, "you");
  const auto id = d.run()->id;
  d.out.clear();
  d.core.on_job_done(id, {reply_status::ok, make_bytes("done")}, d.out);
  ASSERT_EQ(d.out.size(), 1U);
  const auto& answer = std::get<inbox_effect::answer>(d.out[0]);
  EXPECT_EQ(answer.connection, 3U);
  EXPECT_EQ(answer.reply.id, 11U);
  EXPECT_EQ(answer.reply.token, 7);
  EXPECT_EQ(answer.reply.from, "me");
  EXPECT_EQ(as_view(answer.reply.payload), "done");
}

TEST(inbox, each_request_is_answered_once) {
  desk d;
  d.ask(leader());
  const auto id = d.run()->id;
  d.out.clear();
  d.core.on_job_done(id, {}, d.out);
  d.core.on_job_done(id, {}, d.out);
  d.core.on_job_done(id + 1, {}, d.out);
  EXPECT_EQ(d.out.size(), 1U);
  EXPECT_EQ(d.core.running(), 0U);
}

TEST(inbox, without_the_lease_a_send_is_sent_on_to_the_leader) {
  desk d;
  auto may = leader();
  may.leading = false;
  may.leader = {5, 5};
  may.leader_address = "m5:1";
  d.ask(may);
  EXPECT_EQ(d.refused(), reply_status::not_leader);
  const auto& reply = std::get<inbox_effect::answer>(d.out[0]).reply;
  EXPECT_EQ(reply.leader, (incarnation{5, 5}));
  EXPECT_EQ(reply.leader_address, "m5:1");
  EXPECT_EQ(d.core.running(), 0U);
}

TEST(inbox, a_broadcast_needs_membership_not_the_lease) {
  desk d;
  auto may = leader();
  may.leading = false;
  d.ask(may, request_kind::broadcast);
  ASSERT_NE(d.run(), nullptr);
  EXPECT_EQ(d.run()->work.token, 6) << "the view's";
  may.member = false;
  d.ask(may, request_kind::broadcast);
  EXPECT_EQ(d.refused(), reply_status::not_member);
}

TEST(inbox, what_comes_too_late_or_while_stopping_is_not_executed) {
  desk d;
  d.ask(leader(), request_kind::send, 0ns);
  EXPECT_EQ(d.refused(), reply_status::expired);
  auto may = leader();
  may.stopping = true;
  for (const auto kind : {request_kind::send, request_kind::broadcast}) {
    d.ask(may, kind);
    EXPECT_EQ(d.refused(), reply_status::stopping);
  }
}

TEST(inbox, an_endless_deadline_from_outside_is_no_trouble) {
  desk d;
  d.ask(leader(), request_kind::send, nanoseconds::max());
  ASSERT_NE(d.run(), nullptr);
  EXPECT_GT(d.run()->work.deadline, now);
}

TEST(inbox, the_queue_is_bounded_by_number) {
  desk d;
  for (std::size_t i = 0; i < limits::handler_queue_max; ++i) {
    d.ask(leader());
    ASSERT_NE(d.run(), nullptr);
  }
  const auto last = d.run()->id;
  d.ask(leader());
  EXPECT_EQ(d.refused(), reply_status::overloaded);
  d.core.on_job_done(last, {}, d.out);
  d.ask(leader());
  EXPECT_NE(d.run(), nullptr);
}

TEST(inbox, the_queue_is_bounded_by_bytes) {
  desk d;
  const std::string big(limits::payload_bytes_max, 'x');
  const auto room = limits::handler_queue_bytes_max / limits::payload_bytes_max;
  for (std::size_t i = 0; i < room; ++i) {
    d.ask(leader(), request_kind::send, 1s, big);
    ASSERT_NE(d.run(), nullptr);
  }
  const auto last = d.run()->id;
  d.ask(leader());
  EXPECT_EQ(d.refused(), reply_status::overloaded);
  d.core.on_job_done(last, {}, d.out);
  d.ask(leader(), request_kind::send, 1s, big);
  EXPECT_NE(d.run(), nullptr) << "what is done is given back";
}

}  // namespace
}  // namespace hedgerow::core
