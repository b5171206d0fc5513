// The checkers of streams must be able to fail: each is shown what it must not let pass, and its
// neighbour.

#include <gtest/gtest.h>

#include "sim/checkers/windows_checker.h"

namespace hedgerow::sim {
namespace {

constexpr incarnation bob{2, 2};
constexpr fencing_token token = 5;
constexpr true_time lease_end = 10 * second;
// Sides of one connection: ann has dialled bob.
constexpr std::uint64_t of_ann = 2;
constexpr std::uint64_t of_bob = 3;
constexpr std::size_t connection_bytes = 1'000;

// ann, process 0, has opened a stream to bob, process 1, who leads.
class streams : public testing::Test {
 protected:
  streams() {
    lives_.born(0, 0, "ann", 0);
    lives_.born(1, 1, "bob", 0);
    lives_.born(2, 2, "cas", 0);
    cell_.store({leadership_state::leading, token, latest_at(lease_end), {}, {}});
    acts_.on_cell(1, bob, cell_);
    number_ = checker_.begin(0, opener_, message::request_kind::send, second, 4 * second);
  }

  instant latest_at(true_time t) {
    world_.now = t;
    const auto at = clocks_.read(0).truth.latest;
    world_.now = 0;
    return at;
  }
  core::stream_offer offer() const {
    core::stream_offer what;
    what.from = "ann";
    what.token = token;
    what.metadata[streams_checker::number_key] = std::to_string(number_);
    return what;
  }
  void take() {
    checker_.on_offered(1, acceptor_, offer(), 4 * second);
    checker_.on_open(0, opener_, "bob", token);
  }
  void end(std::uint32_t process, result<void> outcome, std::uint64_t acknowledged) {
    checker_.on_end(process, process == 0 ? opener_ : acceptor_,
                    {std::move(outcome), acknowledged});
  }
  // The opener's next message, without its length.
  std::string write(std::size_t size) {
    return checker_.write(0, opener_, size).substr(message::stream_length_bytes);
  }
  bool violated() const { return world_.failure.has_value(); }
  static swarm exact() {
    swarm s = calm_swarm();
    s.width_max_us = 0;
    return s;
  }

  static constexpr core::stream_id opener_ = 11;
  static constexpr core::stream_id acceptor_ = 12;
  kernel world_;
  swarm with_ = exact();
  clock_model clocks_{world_, with_};
  acts_checker acts_{world_, clocks_};
  sim::lives lives_;
  engine::leadership_cell cell_;
  streams_checker checker_{world_, acts_, lives_};
  std::uint64_t number_ = 0;
};

TEST_F(streams, in_order_consumed_acknowledged_and_ended_is_well) {
  take();
  const auto first = write(20);
  const auto second_one = write(0);
  checker_.on_message(1, acceptor_, first);
  checker_.on_message(1, acceptor_, second_one);
  checker_.consume(1, acceptor_, first.size());
  checker_.on_acknowledged(0, opener_, 1);
  checker_.consume(1, acceptor_, second_one.size());
  checker_.finish(0, opener_);
  checker_.on_finished(1, acceptor_);
  checker_.finish(1, acceptor_);
  checker_.on_finished(0, opener_);
  end(1, {}, 0);
  end(0, {}, 2);
  EXPECT_FALSE(violated());
  EXPECT_EQ(checker_.ended_well(), 2U);
}

TEST_F(streams, a_gap_is_seen) {
  take();
  write(20);
  checker_.on_message(1, acceptor_, write(20));
  EXPECT_TRUE(violated());
}

TEST_F(streams, twice_is_seen) {
  take();
  const auto text = write(20);
  checker_.on_message(1, acceptor_, text);
  EXPECT_FALSE(violated());
  checker_.on_message(1, acceptor_, text);
  EXPECT_TRUE(violated());
}

TEST_F(streams, a_message_after_the_lease_is_seen) {
  take();
  const auto text = write(20);
  world_.now = lease_end + second;
  checker_.on_message(1, acceptor_, text);
  EXPECT_TRUE(violated());
}

TEST_F(streams, a_finish_after_the_lease_is_seen) {
  take();
  checker_.finish(0, opener_);
  world_.now = lease_end + second;
  checker_.on_finished(1, acceptor_);
  EXPECT_TRUE(violated());
}

TEST_F(streams, taken_by_who_does_not_lead_is_seen) {
  checker_.on_offered(2, acceptor_, offer(), forever);
  EXPECT_TRUE(violated());
}

TEST_F(streams, acknowledged_before_it_was_consumed_is_seen) {
  take();
  checker_.on_message(1, acceptor_, write(20));
  checker_.on_acknowledged(0, opener_, 1);
  EXPECT_TRUE(violated());
}

TEST_F(streams, ended_well_with_unread_messages_is_seen) {
  take();
  checker_.on_message(1, acceptor_, write(20));
  checker_.finish(0, opener_);
  checker_.on_finished(1, acceptor_);
  checker_.finish(1, acceptor_);
  end(1, {}, 0);
  EXPECT_TRUE(violated());
}

TEST_F(streams, two_ends_of_one_end_are_one_too_many) {
  take();
  end(0, fail(errc::outcome_unknown, "?"), 0);
  EXPECT_FALSE(violated());
  end(0, fail(errc::outcome_unknown, "?"), 0);
  EXPECT_TRUE(violated());
}

TEST_F(streams, not_taken_must_be_true_afterwards) {
  end(0, fail(errc::not_executed, "late"), 0);
  checker_.on_offered(1, acceptor_, offer(), 4 * second);
  EXPECT_FALSE(violated());
  checker_.on_message(1, acceptor_, write(20));
  EXPECT_TRUE(violated());
}

TEST_F(streams, no_end_at_the_deadline_is_seen_on_both_sides) {
  take();
  world_.now = 4 * second;
  checker_.on_check({number_, 1});
  EXPECT_FALSE(violated());
  world_.now = 5 * second;
  checker_.on_check({number_, 1});
  EXPECT_TRUE(violated());
}

TEST_F(streams, an_idle_limit_is_judged_neither_early_nor_late) {
  constexpr core::stream_id idler = 21;
  number_ = checker_.begin(0, idler, message::request_kind::broadcast, 3 * second, forever, second);
  auto what = offer();
  what.kind = message::request_kind::broadcast;
  checker_.on_offered(1, 22, what, forever);
  checker_.on_open(0, idler, "bob", token);
  world_.now = second;
  checker_.on_taken(0, idler);
  world_.now = 2400 * millisecond;
  checker_.on_check({number_, 0});
  EXPECT_FALSE(violated());
  world_.now = 2600 * millisecond;
  checker_.on_check({number_, 0});
  EXPECT_TRUE(violated());
  world_.failure.reset();
  checker_.on_taken(0, idler);
  checker_.on_end(0, idler, {fail(errc::timed_out, "the stream was idle for too long"), 0});
  EXPECT_TRUE(violated());
}

TEST_F(streams, a_process_that_stops_has_ended_its_streams) {
  take();
  end(1, fail(errc::stopped, "stopped"), 0);
  checker_.on_stopped(1);
  EXPECT_FALSE(violated());
  checker_.on_stopped(0);
  EXPECT_TRUE(violated());
}

class windows : public streams {
 protected:
  void carry(std::uint64_t side, const message::any& what) {
    wire_.on_carried(side == of_ann ? 0 : 1, side, what);
    wire_.on_handed(side == of_ann ? of_bob : of_ann, what);
    wire_.settle();
  }
  void open_wire(std::uint64_t limit) {
    carry(of_ann, message::stream_open{.stream = 1,
                                       .limit = 100,
                                       .remaining = {},
                                       .idle = {},
                                       .from = "ann",
                                       .metadata = offer().metadata});
    take();
    carry(of_bob, message::stream_accept{1, limit, token, "bob"});
  }
  void send(std::size_t bytes) {
    const std::string text(bytes, 'x');
    wire_.on_carried(0, of_ann, message::stream_data{1, slice(nullptr, text)});
  }

  windows_checker wire_{world_, checker_, connection_bytes};
};

TEST_F(windows, data_within_what_was_heard_is_well) {
  open_wire(200);
  send(150);
  send(50);
  EXPECT_FALSE(violated());
  send(1);
  EXPECT_TRUE(violated());
}

TEST_F(windows, a_promise_that_has_not_arrived_is_none) {
  open_wire(200);
  wire_.on_carried(1, of_bob, message::stream_credit{1, 300, 0});
  send(201);
  EXPECT_TRUE(violated());
}

TEST_F(windows, a_promise_taken_back_is_seen) {
  open_wire(200);
  carry(of_bob, message::stream_credit{1, 300, 0});
  EXPECT_FALSE(violated());
  carry(of_bob, message::stream_credit{1, 299, 0});
  EXPECT_TRUE(violated());
}

TEST_F(windows, consumed_must_be_true) {
  open_wire(200);
  const auto text = write(20);
  checker_.on_message(1, acceptor_, text);
  checker_.consume(1, acceptor_, text.size());
  carry(of_bob, message::stream_credit{1, 200, 1});
  EXPECT_FALSE(violated());
  carry(of_bob, message::stream_credit{1, 200, 2});
  EXPECT_TRUE(violated());
}

TEST_F(windows, more_promises_than_a_connection_has_bytes_are_seen) {
  open_wire(connection_bytes);
  EXPECT_FALSE(violated());
  carry(of_bob, message::stream_credit{1, connection_bytes + 1, 0});
  EXPECT_TRUE(violated());
}

TEST_F(windows, data_behind_a_finish_is_seen) {
  open_wire(200);
  send(10);
  carry(of_ann, message::stream_finish{1});
  EXPECT_FALSE(violated());
  send(10);
  EXPECT_TRUE(violated());
}

}  // namespace
}  // namespace hedgerow::sim
