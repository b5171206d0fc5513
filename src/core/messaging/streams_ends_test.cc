// How streams end: both ends, once each, with what is known.

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "core/messaging/streams.h"
#include "core/messaging/test_streams.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using message::request_kind;
using message::stream_code;

std::string context_of(test_group& g, const test_end& e) {
  const auto& end = g.user(e).end;
  return end && !end->outcome ? end->outcome.error().context : std::string();
}

// Everything is over, and nothing is kept for it.
void expect_all_over(test_group& g, std::size_t nodes = 2) {
  g.pass(1s);
  for (std::size_t i = 0; i < nodes; ++i) {
    EXPECT_EQ(g.node(i).core.open(), 0U);
    EXPECT_EQ(g.node(i).core.next_wake(), boot_time::never());
    for (const auto& [connection, busy] : g.node(i).busy) {
      EXPECT_FALSE(busy);
      EXPECT_EQ(g.node(i).core.promised(connection), 0U);
    }
  }
}

TEST(streams_ends, a_finish_with_nothing_written_ends_well) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.finish(e);
  g.settle();
  EXPECT_TRUE(g.user(taken).finished);
  EXPECT_FALSE(g.user(taken).end);
  g.finish(taken);
  g.settle();
  EXPECT_TRUE(g.ended_well(e));
  EXPECT_TRUE(g.ended_well(taken));
  expect_all_over(g);
}

TEST(streams_ends, both_finish_and_everything_is_acknowledged) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  for (std::size_t i = 0; i < 100; ++i) {
    g.write_of(e, i);
    g.write_of(taken, 3 * i);
  }
  g.finish(e);
  g.finish(taken);
  g.finish(taken);
  g.settle();
  EXPECT_TRUE(g.ended_well(e));
  EXPECT_TRUE(g.ended_well(taken));
  EXPECT_EQ(g.user(e).end->acknowledged, 100U);
  expect_all_over(g);
}

TEST(streams_ends, a_stream_is_not_over_before_everything_is_consumed) {
  test_group g{2};
  g.node(0).reads = false;
  const auto [e, taken] = g.opened();
  g.write(e, "one");
  g.write(e, "two");
  g.finish(e);
  g.finish(taken);
  g.pass(1h);
  EXPECT_TRUE(g.user(taken).finished);
  g.consume(taken, 1);
  g.pass(1h);
  EXPECT_FALSE(g.user(e).end);
  EXPECT_FALSE(g.user(taken).end);
  g.consume(taken, 1);
  g.settle();
  EXPECT_TRUE(g.ended_well(e));
  EXPECT_TRUE(g.ended_well(taken));
}

TEST(streams_ends, what_is_consumed_before_the_finish_is_acknowledged_with_it) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.finish(taken);
  g.settle();
  g.write(e, "hello");
  g.finish(e);
  g.settle();  // no time passes
  EXPECT_TRUE(g.ended_well(e));
}

TEST(streams_ends, what_is_said_about_an_end_that_has_ended_is_ignored) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.write(e, "hello");
  g.cancel(e, "enough");
  g.write(e, "more");
  g.finish(e);
  g.cancel(e, "again");
  auto& n = g.node(1);
  n.core.consumed(g.now, e.id, 1, 5, n.out);
  n.core.cancel(g.now, 99, stream_code::cancelled, "nobody", n.out);
  EXPECT_TRUE(n.out.empty());
  g.settle();
  EXPECT_EQ(g.error_of(taken), errc::cancelled);
  EXPECT_EQ(context_of(g, taken), "enough");
  expect_all_over(g);
}

TEST(streams_ends, a_cancel_while_looking_ends_it_here) {
  test_group g{2};
  g.know(1, {});
  const auto e = g.open(1);
  g.write(e, "hello");
  g.cancel(e, "enough");
  EXPECT_EQ(g.error_of(e), errc::cancelled);
  g.know(1, 0);
  g.pass(1s);
  EXPECT_EQ(g.sent["open"], 0);
  expect_all_over(g);
}

TEST(streams_ends, a_cancel_before_the_answer_ends_both) {
  test_group g{2};
  const auto e = g.open(1);
  g.cancel(e, "enough");
  EXPECT_EQ(g.error_of(e), errc::cancelled);
  g.settle();
  EXPECT_EQ(g.error_of({0, 1}), errc::cancelled);
  expect_all_over(g);
}

TEST(streams_ends, a_cancel_with_data_on_the_way_ends_both) {
  for (const bool by_opener : {true, false}) {
    test_group g{2};
    const auto [e, taken] = g.opened();
    for (int i = 0; i < 100; ++i) {
      g.write_of(e, 10'000);
      g.write_of(taken, 10'000);
    }
    const auto& [one, other] = by_opener ? std::pair(e, taken) : std::pair(taken, e);
    g.cancel(one, "enough");
    g.settle();
    EXPECT_EQ(g.error_of(one), errc::cancelled);
    EXPECT_EQ(g.error_of(other), errc::cancelled);
    expect_all_over(g);
  }
}

TEST(streams_ends, a_cancel_after_half_a_close_ends_both) {
  for (const bool by_opener : {true, false}) {
    test_group g{2};
    const auto [e, taken] = g.opened();
    g.write(e, "hello");
    g.finish(e);
    g.settle();
    g.cancel(by_opener ? e : taken, "enough");
    g.settle();
    EXPECT_EQ(g.error_of(e), errc::cancelled);
    EXPECT_EQ(g.error_of(taken), errc::cancelled);
    EXPECT_EQ(g.user(e).end->acknowledged, 1U);
    expect_all_over(g);
  }
}

TEST(streams_ends, cancels_that_cross_end_both_once) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.cancel(e, "mine");
  g.cancel(taken, "yours");
  g.settle();
  EXPECT_EQ(context_of(g, e), "mine");
  EXPECT_EQ(context_of(g, taken), "yours");
  expect_all_over(g);
}

TEST(streams_ends, a_handlers_failure_reaches_the_opener_with_what_was_consumed) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.write(e, "hello");
  g.settle();
  g.cancel(taken, std::string(9000, 'x'), stream_code::handler_failed);
  g.settle();
  EXPECT_EQ(g.error_of(e), errc::handler_failed);
  EXPECT_EQ(context_of(g, e).size(), limits::error_text_bytes_max);
  EXPECT_EQ(g.user(e).end->acknowledged, 1U);
}

TEST(streams_ends, a_deadline_ends_both) {
  test_group g{2};
  stream_request with;
  with.deadline = g.now + 3s;
  const auto [e, taken] = g.opened(1, with);
  g.write(e, "hello");
  g.pass(2999ms);
  EXPECT_FALSE(g.user(e).end);
  g.pass(1ms);
  EXPECT_EQ(g.error_of(e), errc::timed_out);
  EXPECT_EQ(g.error_of(taken), errc::timed_out);
  expect_all_over(g);
}

TEST(streams_ends, a_deadline_counts_while_nobody_takes_it) {
  test_group g{2};
  g.act(0, 0);
  stream_request with;
  with.deadline = g.now + 1s;
  const auto e = g.open(1, {}, with);
  g.pass(1s);
  EXPECT_EQ(g.error_of(e), errc::timed_out);
  expect_all_over(g);
}

TEST(streams_ends, an_idle_stream_ends) {
  test_group g{2};
  stream_request with;
  with.idle = 100ms;
  const auto [e, taken] = g.opened(1, with);
  g.pass(99ms);
  EXPECT_FALSE(g.user(e).end);
  g.pass(1ms);
  EXPECT_EQ(g.error_of(e), errc::timed_out);
  EXPECT_EQ(g.error_of(taken), errc::timed_out);
  expect_all_over(g);
}

TEST(streams_ends, data_in_either_direction_is_not_idleness_at_either_end) {
  for (const bool by_opener : {true, false}) {
    test_group g{2};
    stream_request with;
    with.idle = 100ms;
    const auto [e, taken] = g.opened(1, with);
    for (int i = 0; i < 10; ++i) {
      g.pass(60ms);
      g.write(by_opener ? e : taken, "hello");
    }
    g.pass(60ms);
    EXPECT_FALSE(g.user(e).end) << context_of(g, e);
    EXPECT_FALSE(g.user(taken).end) << context_of(g, taken);
    g.pass(100ms);
    EXPECT_EQ(g.error_of(e), errc::timed_out);
  }
}

TEST(streams_ends, without_the_lease_leader_streams_end_and_others_go_on) {
  for (const fencing_token then : {0, 9}) {
    test_group g{2};
    const auto [e, taken] = g.opened();
    const auto to_member = g.open(1, 0);
    g.write(e, "hello");
    g.settle();
    g.act(0, then);
    EXPECT_EQ(g.error_of(taken), errc::leadership_lost);
    g.settle();
    EXPECT_EQ(g.error_of(e), errc::leadership_lost);
    EXPECT_EQ(g.user(e).end->acknowledged, 1U);
    g.write(to_member, "hello");
    g.pass(5ms);
    EXPECT_EQ(g.user(to_member).acknowledged, 1U);
  }
}

TEST(streams_ends, an_opener_that_loses_a_lease_keeps_its_streams_to_others) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.act(1, 8);
  g.act(1, 0);
  g.write(taken, "hello");
  g.settle();
  EXPECT_EQ(g.user(e).received, 1U);
}

TEST(streams_ends, data_that_arrives_under_another_token_is_not_handed_on) {
  for (const fencing_token then : {0, 9}) {
    test_group g{2};
    const auto [e, taken] = g.opened();
    g.write(e, "hello");
    g.node(0).may.acting = then;  // the core has not been told yet
    g.settle();
    EXPECT_EQ(g.user(taken).received, 0U);
    EXPECT_EQ(g.error_of(taken), errc::leadership_lost);
    EXPECT_EQ(g.error_of(e), errc::leadership_lost);
    EXPECT_EQ(g.user(e).end->acknowledged, 0U);
  }
}

TEST(streams_ends, a_lost_connection_leaves_the_outcome_of_open_streams_unknown) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.write(e, "hello");
  g.pass(5ms);
  g.write(e, "again");
  g.cut(g.user(e).connection);
  EXPECT_EQ(g.error_of(e), errc::outcome_unknown);
  EXPECT_EQ(g.error_of(taken), errc::outcome_unknown);
  EXPECT_EQ(g.user(e).end->acknowledged, 1U);
  expect_all_over(g);
}

TEST(streams_ends, a_connection_that_is_lost_before_the_answer_is_dialled_again) {
  test_group g{2};
  const auto e = g.open(1);
  g.write(e, "hello");
  g.cut(1);
  g.pass(25ms);
  ASSERT_TRUE(g.user(e).open);
  EXPECT_EQ(g.user(g.other(e)).received, 1U);
  EXPECT_NE(g.user(e).connection, 1U);
}

TEST(streams_ends, a_connection_that_is_lost_after_a_half_close_ends_both) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.finish(e);
  g.settle();
  g.cut(g.user(e).connection);
  EXPECT_EQ(g.error_of(e), errc::outcome_unknown);
  EXPECT_EQ(g.error_of(taken), errc::outcome_unknown);
  expect_all_over(g);
}

TEST(streams_ends, a_stop_ends_all_and_says_so) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  const auto to_member = g.open(1, 0);
  g.settle();
  g.know(1, {});
  const auto looking = g.open(1);
  g.node(1).core.stop(g.now, g.node(1).out);
  g.tick_all();
  g.settle();
  for (const auto& one : {e, to_member, looking})
    EXPECT_EQ(g.error_of(one), errc::stopped);
  EXPECT_EQ(g.error_of(taken), errc::cancelled);
  EXPECT_EQ(g.error_of(g.other(to_member)), errc::cancelled);
  expect_all_over(g);
}

TEST(streams_ends, late_frames_of_a_stream_that_has_ended_are_ignored) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.cancel(taken, "enough");
  const auto resets = g.sent["reset"];
  g.hostile = true;
  g.forge(taken, message::stream_data{0, slice(make_bytes("late"))});
  g.forge(taken, message::stream_credit{0, 999'999, 0});
  g.forge(taken, message::stream_finish{});
  g.forge(taken, message::stream_accept{});
  g.forge(taken, message::stream_reset{});
  EXPECT_EQ(g.sent["reset"], resets);
  g.hostile = false;
  g.settle();
  expect_all_over(g);
}

struct breach {
  const char* name;
  bool to_opener;
  void (*commit)(test_group& g, const test_end& to);
};

class broken_protocol : public testing::TestWithParam<breach> {};

TEST_P(broken_protocol, ends_the_stream_at_both_sides) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  const auto bystander = g.opened().first;
  g.write(e, "hello");
  g.settle();
  g.hostile = true;
  const auto& to = GetParam().to_opener ? e : taken;
  GetParam().commit(g, to);
  EXPECT_EQ(g.error_of(to), errc::internal);
  g.settle();
  EXPECT_EQ(g.error_of(e), errc::internal);
  EXPECT_EQ(g.error_of(taken), errc::internal);
  EXPECT_FALSE(g.user(bystander).end);
}

slice many(std::size_t bytes) {
  return slice(make_bytes(std::string(bytes, '\0')));
}

INSTANTIATE_TEST_SUITE_P(
    streams_ends, broken_protocol,
    testing::Values(
        breach{"more_data_than_granted", false,
               [](test_group& g, const test_end& to) {
                 g.user(to).reads = false;
                 g.forge(to, message::stream_data{0, many(limits::stream_window_first)});
               }},
        breach{"data_after_finish", false,
               [](test_group& g, const test_end& to) {
                 g.forge(to, message::stream_finish{});
                 g.forge(to, message::stream_data{0, many(4)});
               }},
        breach{"finish_twice", false,
               [](test_group& g, const test_end& to) {
                 g.forge(to, message::stream_finish{});
                 g.forge(to, message::stream_finish{});
               }},
        breach{"finish_within_a_length", false,
               [](test_group& g, const test_end& to) {
                 g.forge(to, message::stream_data{0, many(3)});
                 g.forge(to, message::stream_finish{});
               }},
        breach{"finish_within_a_message", false,
               [](test_group& g, const test_end& to) {
                 g.forge(to, message::stream_data{0, slice(make_bytes({"\4\0\0\0abc", 7}))});
                 g.forge(to, message::stream_finish{});
               }},
        breach{"accepted_twice", true,
               [](test_group& g, const test_end& to) {
                 g.forge(to, message::stream_accept{0, 70'000, 7, "node0"});
               }},
        breach{"an_acceptor_is_accepted", false,
               [](test_group& g, const test_end& to) {
                 g.forge(to, message::stream_accept{0, 70'000, 7, "node1"});
               }},
        breach{"credit_for_what_was_not_written", true,
               [](test_group& g, const test_end& to) {
                 g.forge(to, message::stream_credit{0, 70'000, 2});
               }},
        breach{
            "opened_twice", false,
            [](test_group& g, const test_end& to) {
              g.forge(to, message::stream_open{0, request_kind::send, 65536, {}, {}, "node1", {}});
            }}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(streams_ends, data_and_credit_before_the_answer_are_against_the_protocol) {
  for (const bool data : {true, false}) {
    test_group g{2};
    const auto e = g.open(1);
    g.hostile = true;
    if (data) {
      g.forge(e, message::stream_data{0, many(4)});
    } else {
      g.forge(e, message::stream_credit{0, 1, 0});
    }
    EXPECT_EQ(g.error_of(e), errc::internal);
  }
}

// Nobody of ours opens on a connection that it has not dialled.
TEST(streams_ends, a_number_that_the_peer_has_taken_is_not_taken_again) {
  test_group g{2};
  const auto a = g.opened().first;
  g.hostile = true;
  message::stream_open theirs{2, request_kind::broadcast, 65536, {}, {}, "node0", {}};
  auto& n = g.node(1);
  n.core.on_open(g.now, g.user(a).connection, std::move(theirs), n.may, n.out);
  g.tick_all();
  g.hostile = false;
  const auto b = g.opened().first;
  g.write(b, "hello");
  g.settle();
  EXPECT_EQ(g.user(g.other(b)).received, 1U);
  EXPECT_FALSE(g.user(a).end);
  g.cancel({1, 2}, "not asked for");
  EXPECT_FALSE(g.user(b).end);
}

TEST(streams_ends, a_credit_that_takes_back_is_ignored) {
  test_group g{2};
  const auto [e, taken] = g.opened();
  g.write(e, "hello");
  g.pass(5ms);
  g.hostile = true;
  g.forge(e, message::stream_credit{0, 0, 0});
  EXPECT_EQ(g.user(e).acknowledged, 1U);
  g.write(e, "again");
  g.settle();
  EXPECT_EQ(g.user(taken).received, 2U);
}

}  // namespace
}  // namespace hedgerow::core
