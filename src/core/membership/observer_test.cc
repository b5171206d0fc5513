// D2 and D3: probes, silence with its hysteresis, certain evidence, and what a pause of one's own
// does to all of it.

#include "core/membership/observer.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/membership/members_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using message::edge_state;

constexpr membership_options defaults;

struct watch {
  observer one{defaults};
  boot_time now = at(0s);

  explicit watch(const std::vector<incarnation>& subjects = {life(2)}) { one.watch(subjects); }
  // A probe round; those in `answering` answer at once.
  void round(const std::vector<incarnation>& answering) {
    for (const auto& o : one.tick(now)) {
      if (std::find(answering.begin(), answering.end(), o.subject) != answering.end())
        one.on_ack(o.subject, o.nonce);
    }
    now = now + defaults.probe_period;
  }
  void rounds(int n, const std::vector<incarnation>& answering) {
    for (int i = 0; i < n; ++i)
      round(answering);
  }
  edge_state state(std::size_t i = 0) const { return one.edges(now).at(i).state; }
};

TEST(observer, D2_probes_each_subject_once_per_period) {
  watch w({life(2), life(3)});
  EXPECT_LE(w.one.next_wake(), w.now) << "a new edge is asked at once";
  EXPECT_EQ(w.one.tick(w.now).size(), 2U);
  EXPECT_EQ(w.one.next_wake(), w.now + defaults.probe_period);
  EXPECT_TRUE(w.one.tick(w.now + defaults.probe_period - 1ns).empty());
  EXPECT_EQ(w.one.tick(w.now + defaults.probe_period).size(), 2U);
}

TEST(observer, D2_a_new_edge_is_asked_without_asking_the_others_again) {
  watch w;
  w.round({life(2)});
  w.one.watch({life(2), life(3)});
  const auto orders = w.one.tick(w.now - 1ms);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].subject, life(3));
}

TEST(observer, D2_nobody_to_watch_wants_no_wake_up) {
  watch w(std::vector<incarnation>{});
  w.one.tick(w.now);
  EXPECT_EQ(w.one.next_wake(), boot_time::never());
}

TEST(observer, D2_an_answer_is_up) {
  watch w;
  EXPECT_EQ(w.state(), edge_state::unknown);
  w.round({life(2)});
  EXPECT_EQ(w.state(), edge_state::up);
  EXPECT_TRUE(w.one.take_changed());
  EXPECT_FALSE(w.one.take_changed());
}

TEST(observer, D2_three_missed_in_a_row_are_silence_two_are_not) {
  watch w;
  w.rounds(5, {life(2)});
  w.rounds(3, {});  // the third is still open
  EXPECT_EQ(w.state(), edge_state::up);
  w.one.take_changed();
  w.round({});
  EXPECT_EQ(w.state(), edge_state::down);
  EXPECT_TRUE(w.one.take_changed()) << "the leader hears of it at once (D4)";
}

TEST(observer, D2_four_missed_of_ten_are_silence) {
  watch w;
  w.rounds(10, {life(2)});
  for (int i = 0; i < 3; ++i) {
    w.round({});
    w.round({life(2)});
  }
  EXPECT_EQ(w.state(), edge_state::up);
  w.round({});
  w.round({life(2)});
  EXPECT_EQ(w.state(), edge_state::down);
}

TEST(observer, D2_ten_clean_probes_end_silence_nine_do_not) {
  watch w;
  w.round({life(2)});
  w.rounds(4, {});
  ASSERT_EQ(w.state(), edge_state::down);
  w.rounds(10, {life(2)});  // nine of them are counted
  EXPECT_EQ(w.state(), edge_state::down);
  w.round({life(2)});
  EXPECT_EQ(w.state(), edge_state::up);
}

TEST(observer, D2_an_answer_of_the_applications_counts_as_much) {
  watch w;
  w.round({life(2)});
  for (int i = 0; i < 5; ++i) {
    w.one.tick(w.now);
    w.one.on_answer(life(2));
    w.now = w.now + defaults.probe_period;
  }
  EXPECT_EQ(w.state(), edge_state::up);
}

TEST(observer, D2_an_old_ack_proves_nothing) {
  watch w;
  const auto first = w.one.tick(w.now);
  for (int i = 0; i < 6; ++i) {
    w.now = w.now + defaults.probe_period;
    w.one.tick(w.now);
  }
  ASSERT_EQ(w.state(), edge_state::down);
  w.one.on_ack(life(2), first[0].nonce);
  w.one.on_ack(life(2), 1000);  // never asked
  w.now = w.now + defaults.probe_period;
  w.one.tick(w.now);
  for (int i = 0; i < 9; ++i)
    w.round({life(2)});
  EXPECT_EQ(w.state(), edge_state::down);
}

TEST(observer, D2_a_new_connection_is_asked_at_once_and_is_no_miss) {
  watch w;
  w.one.tick(w.now);
  const auto order = w.one.ask(life(2));
  ASSERT_TRUE(order.has_value());
  w.one.on_ack(life(2), order->nonce);
  EXPECT_EQ(w.state(), edge_state::up);
  EXPECT_FALSE(w.one.ask(life(2)).has_value()) << "answered already";
  EXPECT_FALSE(w.one.ask(life(9)).has_value()) << "not watched";
}

TEST(observer, certain_evidence_stays_until_the_subject_answers) {
  watch w;
  w.round({life(2)});
  w.one.take_changed();
  w.one.on_refused(life(2));
  EXPECT_TRUE(w.one.take_changed());
  w.rounds(5, {});
  EXPECT_EQ(w.state(), edge_state::refused);
  w.round({life(2)});
  EXPECT_EQ(w.state(), edge_state::up);
}

TEST(observer, J2_who_has_left_stays_so) {
  watch w;
  w.one.on_left(life(2));
  w.one.on_refused(life(2));
  w.rounds(3, {life(2)});
  EXPECT_EQ(w.state(), edge_state::left);
}

TEST(observer, D1_edges_that_stay_keep_their_windows) {
  watch w({life(2), life(3)});
  w.round({life(2), life(3)});
  w.rounds(3, {life(3)});
  w.one.watch({life(2), life(4)});
  w.round({});
  EXPECT_EQ(w.state(0), edge_state::down);
  EXPECT_EQ(w.state(1), edge_state::unknown);
}

TEST(observer, D3_a_pause_of_its_own_voids_what_it_knew_but_not_what_is_certain) {
  watch w({life(2), life(3), life(4)});
  w.round({life(2), life(3), life(4)});
  w.rounds(4, {life(3), life(4)});
  w.one.on_refused(life(3));
  w.one.on_left(life(4));
  ASSERT_EQ(w.state(0), edge_state::down);
  w.one.on_pause(w.now);
  EXPECT_TRUE(w.one.quiet(w.now));
  EXPECT_EQ(w.state(0), edge_state::unknown);
  EXPECT_EQ(w.state(1), edge_state::unknown) << "says nothing of others for one window";
  EXPECT_EQ(w.state(2), edge_state::left);
  EXPECT_LE(w.one.next_wake(), w.now) << "asks anew at once";
  w.now = w.now + defaults.silence();
  EXPECT_FALSE(w.one.quiet(w.now));
  EXPECT_EQ(w.state(1), edge_state::refused);
}

TEST(observer, reports_are_in_the_order_of_incarnations) {
  watch w({life(5), life(2), life(9), life(2)});
  const auto edges = w.one.edges(w.now);
  ASSERT_EQ(edges.size(), 3U);
  EXPECT_EQ(edges[0].subject, life(2));
  EXPECT_EQ(edges[2].subject, life(9));
}

}  // namespace
}  // namespace hedgerow::core
