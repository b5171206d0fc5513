// How streams begin: who takes them, who does not, and until when that is tried.

#include "core/messaging/streams.h"

#include <vector>

#include <gtest/gtest.h>

#include "core/messaging/test_streams.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using message::request_kind;
using message::stream_code;

TEST(streams, an_open_is_accepted_under_the_leaders_token_and_its_first_message_arrives) {
  test_group g{2};
  const auto e = g.open(1);
  g.write(e, "hello");
  g.settle();
  ASSERT_TRUE(g.user(e).open);
  EXPECT_EQ(g.user(e).from, "node0");
  EXPECT_EQ(g.user(e).token, 7);
  const auto& taken = g.user(g.other(e));
  EXPECT_EQ(taken.from, "node1");
  EXPECT_EQ(taken.token, 7);
  EXPECT_EQ(taken.offer->kind, request_kind::send);
  EXPECT_EQ(taken.offer->deadline, boot_time::never());
  EXPECT_EQ(taken.received, 1U);
  EXPECT_TRUE(g.node(1).busy.begin()->second);
}

TEST(streams, the_acceptor_knows_the_deadline_and_the_metadata) {
  test_group g{2};
  stream_request with;
  with.deadline = g.now + 3s;
  with.metadata = {{"from", "here"}};
  const auto [e, taken] = g.opened(1, with);
  EXPECT_EQ(g.user(taken).offer->deadline, g.now + 3s);
  EXPECT_EQ(g.user(taken).offer->metadata.at("from"), "here");
}

TEST(streams, a_stream_to_a_member_is_taken_under_the_token_of_its_view) {
  test_group g{3};
  const auto e = g.open(1, 2);
  g.write(e, "hello");
  g.settle();
  EXPECT_EQ(g.user(e).from, "node2");
  EXPECT_EQ(g.user(e).token, 6);
  EXPECT_EQ(g.user(g.other(e)).offer->kind, request_kind::broadcast);
  EXPECT_EQ(g.user(g.other(e)).received, 1U);
}

TEST(streams, no_data_leaves_before_the_stream_is_taken) {
  test_group g{2};
  const auto e = g.open(1);
  g.write(e, "hello");
  g.finish(e);
  EXPECT_EQ(g.sent["open"], 1);
  EXPECT_EQ(g.sent["data"], 0);
  EXPECT_EQ(g.user(e).taken, 0U);
  g.settle();
  EXPECT_EQ(g.sent["data"], 1);
  EXPECT_EQ(g.user(e).taken, 9U);
}

TEST(streams, a_redirect_is_followed) {
  test_group g{3};
  g.know(1, 0);
  g.act(0, 0);
  g.act(2, 8);
  g.know(0, 2);
  const auto e = g.open(1);
  g.settle();
  EXPECT_TRUE(g.user(e).open);
  EXPECT_EQ(g.user(e).from, "node2");
  EXPECT_EQ(g.user(e).token, 8);
  EXPECT_EQ(g.now.ns, 1'000'000'000'000) << "without a pause";
}

TEST(streams, three_redirects_are_followed_then_it_waits) {
  test_group g{3};
  g.act(0, 0);
  g.know(0, 2);
  g.know(2, 0);
  const auto e = g.open(1);
  g.settle();
  EXPECT_FALSE(g.user(e).open);
  EXPECT_EQ(g.sent["open"], 5) << "and once more the one that is known to lead";
  g.pass(25ms);
  EXPECT_EQ(g.sent["open"], 6);
}

struct refusal {
  const char* name;
  void (*set)(streams::authority&);
};

class refused_stream : public testing::TestWithParam<refusal> {};

TEST_P(refused_stream, is_tried_again_and_taken_when_the_reason_is_gone) {
  test_group g{2};
  const auto well = g.node(0).may;
  GetParam().set(g.node(0).may);
  const auto e = g.open(1);
  g.write(e, "hello");
  g.pass(1s);
  EXPECT_FALSE(g.user(e).open);
  EXPECT_GT(g.sent["open"], 10);
  EXPECT_LE(g.sent["open"], 41) << "with a pause between";
  g.node(0).may = well;
  g.pass(25ms);
  EXPECT_TRUE(g.user(e).open);
  EXPECT_EQ(g.user(g.other(e)).received, 1U);
}

TEST_P(refused_stream, was_certainly_not_executed_when_its_time_is_over) {
  test_group g{2};
  GetParam().set(g.node(0).may);
  const auto e = g.open(1);
  g.pass(4999ms);
  EXPECT_FALSE(g.user(e).end);
  g.pass(1ms);
  EXPECT_EQ(g.error_of(e), errc::not_executed);
  EXPECT_EQ(g.node(0).core.open(), 0U);
  EXPECT_EQ(g.node(1).core.next_wake(), boot_time::never());
}

INSTANTIATE_TEST_SUITE_P(
    streams, refused_stream,
    testing::Values(refusal{"not_leader", [](streams::authority& may) { may.acting = 0; }},
                    refusal{"stopping", [](streams::authority& may) { may.stopping = true; }}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(streams, a_stream_to_a_member_is_not_tried_again_where_it_was_turned_away) {
  test_group g{3};
  g.node(2).may.member = false;
  const auto e = g.open(1, 2);
  g.settle();
  EXPECT_EQ(g.error_of(e), errc::not_executed);
  g.node(2).may.member = true;
  g.node(2).may.stopping = true;
  const auto f = g.open(1, 2);
  g.settle();
  EXPECT_EQ(g.error_of(f), errc::not_executed);
  EXPECT_NE(g.user(f).end->outcome.error().context.find("stopping"), std::string::npos);
}

TEST(streams, without_a_leader_it_waits_for_one) {
  test_group g{2};
  g.know(1, {});
  const auto e = g.open(1);
  g.pass(4s);
  EXPECT_EQ(g.sent["open"], 0);
  g.know(1, 0);
  g.settle();
  EXPECT_TRUE(g.user(e).open);
}

TEST(streams, that_no_leader_was_known_is_said) {
  test_group g{2};
  g.know(1, {});
  const auto e = g.open(1);
  g.pass(5s);
  EXPECT_EQ(g.error_of(e), errc::no_leader);
}

TEST(streams, a_leader_that_cannot_be_reached_is_tried_until_another_is_known) {
  test_group g{3};
  g.node(0).reachable = g.node(0).listens = false;
  const auto e = g.open(1);
  g.pass(1s);
  EXPECT_FALSE(g.user(e).end);
  g.lead(2, 8);
  g.settle();
  EXPECT_EQ(g.user(e).from, "node2");
}

TEST(streams, a_member_that_does_not_answer_is_tried_until_nobody_listens_there) {
  test_group g{3};
  g.node(2).reachable = false;
  const auto e = g.open(1, 2);
  g.pass(1s);
  EXPECT_FALSE(g.user(e).end);
  g.node(2).listens = false;
  g.pass(25ms);
  EXPECT_EQ(g.error_of(e), errc::not_executed);
}

TEST(streams, an_answer_that_does_not_come_is_not_waited_for) {
  test_group g{2};
  const auto e = g.open(1);
  g.now = g.now + 5s;
  g.tick_all();
  EXPECT_EQ(g.error_of(e), errc::not_executed);
  // The other side takes it in ignorance, and hears.
  g.settle();
  EXPECT_EQ(g.node(0).users.size(), 1U);
  EXPECT_EQ(g.node(0).core.open(), 0U);
  EXPECT_EQ(g.error_of({0, 1}), errc::timed_out);
}

TEST(streams, one_that_does_not_fit_into_the_connections_windows_waits_at_its_opener) {
  test_group g{2, 2 * limits::stream_window_first};
  const auto a = g.opened().first;
  const auto b = g.opened().first;
  const auto c = g.open(1);
  g.pass(1s);
  EXPECT_FALSE(g.user(c).open);
  EXPECT_EQ(g.sent["open"], 2);
  g.cancel(a, "enough");
  g.pass(25ms);
  EXPECT_TRUE(g.user(c).open);
  EXPECT_FALSE(g.user(b).end);
}

TEST(streams, one_that_does_not_fit_at_the_acceptor_is_refused_as_overloaded) {
  test_group g{2, limits::stream_window_first};
  const auto a = g.opened().first;
  g.hostile = true;
  const auto refused = g.sent["reset"];
  message::stream_open more{99, request_kind::send, 65536, {}, {}, "node1", {}};
  g.node(0).core.on_open(g.now, g.user(a).connection, std::move(more), g.node(0).may,
                         g.node(0).out);
  ASSERT_EQ(g.node(0).out.size(), 1U);
  const auto& sent = std::get<stream_effect::transmit>(g.node(0).out[0]);
  EXPECT_EQ(std::get<message::stream_reset>(sent.what).code, stream_code::overloaded);
  EXPECT_EQ(g.node(0).core.open(), 1U);
  EXPECT_EQ(g.sent["reset"], refused);
}

TEST(streams, one_that_its_user_has_no_room_for_was_never_taken) {
  test_group g{2};
  g.node(0).refuses = stream_code::overloaded;
  const auto e = g.open(1);
  g.write(e, "hello");
  g.pass(1s);
  EXPECT_EQ(g.sent["accept"], 0);
  EXPECT_GT(g.sent["reset"], 1) << "it was not tried again";
  EXPECT_FALSE(g.user(e).open);
  g.node(0).refuses.reset();
  g.pass(1s);
  EXPECT_TRUE(g.user(e).open);
  EXPECT_EQ(g.user(g.other(e)).received, 1U);
}

TEST(streams, a_user_who_would_not_have_it_is_not_asked_again) {
  test_group g{2};
  g.node(0).refuses = stream_code::cancelled;
  const auto e = g.open(1);
  g.pass(1s);
  EXPECT_EQ(g.error_of(e), errc::cancelled);
  EXPECT_EQ(g.sent["reset"], 1);
  EXPECT_EQ(g.sent["accept"], 0);
}

TEST(streams, an_overloaded_member_is_tried_again) {
  test_group g{2, 2 * limits::streams_max * limits::stream_window_first};
  std::vector<test_end> full;
  for (std::size_t i = 0; i < limits::streams_max / 2; ++i)
    full.push_back(g.open(0));  // to itself: each is two ends
  EXPECT_EQ(g.node(0).core.open(), limits::streams_max);
  const auto e = g.open(1, 0);
  g.pass(100ms);
  EXPECT_FALSE(g.user(e).open);
  EXPECT_FALSE(g.user(e).end);
  g.cancel(full[0], "room");
  g.pass(25ms);
  EXPECT_TRUE(g.user(e).open);
}

TEST(streams, a_stream_to_oneself_has_both_ends_here) {
  test_group g{1};
  const auto e = g.open(0);
  ASSERT_TRUE(g.user(e).open);
  const auto taken = g.other(e);
  g.write_of(e, 3'000'000);
  g.write(taken, "and back");
  g.finish(e);
  g.finish(taken);
  g.pass(5ms);
  EXPECT_TRUE(g.ended_well(e));
  EXPECT_TRUE(g.ended_well(taken));
  EXPECT_EQ(g.node(0).core.promised(local_opener), 0U);
  EXPECT_EQ(g.node(0).core.promised(local_acceptor), 0U);
}

TEST(streams, after_a_stop_none_is_opened_or_taken) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  const auto other = g.open(1);
  g.node(0).core.stop(g.now, g.node(0).out);
  g.tick_all();
  EXPECT_EQ(g.error_of(taken), errc::stopped);
  g.settle();
  EXPECT_EQ(g.error_of(e), errc::leadership_lost);
  EXPECT_FALSE(g.user(other).end) << "it may be taken by the next leader";
  const auto late = g.open(0);
  EXPECT_EQ(g.error_of(late), errc::stopped);
  g.lead(1, 8);
  g.pass(25ms);
  EXPECT_EQ(g.user(other).token, 8);
}

}  // namespace
}  // namespace hedgerow::core
