// Whatever happens in whatever order: what test_group checks after every step holds, and when all
// is well again everything ends.

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "core/messaging/streams.h"
#include "core/messaging/test_streams.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t nodes = 3;
constexpr std::size_t message_max = 150'000;
constexpr std::size_t streams_of_a_run = 14;
constexpr int steps_of_a_run = 2500;

class course {
 public:
  explicit course(unsigned seed) : random_(seed) {}

  void run() {
    for (int i = 0; i < steps_of_a_run && !testing::Test::HasFailure(); ++i) {
      step();
      g_.check();
    }
    heal();
    for (std::size_t i = 0; i < nodes; ++i) {
      EXPECT_EQ(g_.node(i).core.open(), 0U);
      EXPECT_EQ(g_.node(i).core.next_wake(), boot_time::never());
      for (const auto& [connection, busy] : g_.node(i).busy)
        EXPECT_EQ(g_.node(i).core.promised(connection), 0U);
      for (const auto& [id, u] : g_.node(i).users)
        count(u);
    }
  }

  // Over all runs, so that what is to be tested is seen to happen.
  struct tally {
    int ended_well = 0;
    int leadership_lost = 0;
    int unknown = 0;
    int timed_out = 0;
    int cancelled = 0;
    int not_opened = 0;
    int long_messages = 0;
  };
  static tally all;

 private:
  std::size_t below(std::size_t count) { return random_() % count; }
  bool one_in(std::size_t count) { return below(count) == 0; }

  void step() {
    const auto what = below(100);
    if (what < 60) {
      move_frames();
    } else if (what < 75) {
      write();
    } else if (what < 90) {
      consume();
    } else if (what < 94) {
      pass_time();
    } else if (what < 98) {
      if (opened_ < streams_of_a_run) open();
    } else if (one_in(3)) {
      end_something();
    } else if (one_in(4)) {
      break_something();
    }
  }

  void move_frames() {
    const auto ways = g_.ways();
    if (ways.empty()) return;
    const auto w = ways[below(ways.size())];
    g_.piece = one_in(3) ? 1 + below(5000) : SIZE_MAX;
    g_.lane_open = !one_in(3);
    for (auto count = below(4); count > 0; --count)
      one_in(2) ? g_.leave(w) : g_.deliver(w);
  }

  void open() {
    ++opened_;
    stream_request with;
    with.opening_deadline = g_.now + milliseconds{20 + below(500)};
    if (one_in(4)) with.deadline = g_.now + milliseconds{1 + below(300)};
    if (one_in(4)) with.idle = milliseconds{1 + below(50)};
    const auto from = below(nodes);
    g_.node(below(nodes)).reads = one_in(2);
    if (one_in(3)) {
      g_.open(from, below(nodes), with);
    } else {
      g_.open(from, {}, with);
    }
  }

  // Any end that is open, of all nodes.
  bool pick(test_end& out) {
    std::vector<test_end> live;
    for (std::size_t i = 0; i < nodes; ++i)
      for (const auto& [id, u] : g_.node(i).users)
        if (!u.end) live.push_back({i, id});
    if (live.empty()) return false;
    out = live[below(live.size())];
    return true;
  }

  void write() {
    test_end e;
    if (!pick(e) || g_.user(e).finish) return;
    std::size_t size = below(300);
    if (one_in(5)) size = below(20'000);
    if (one_in(30)) size = message_max - below(100'000);
    if (size > limits::stream_window_first) ++all.long_messages;
    g_.write_of(e, size);
  }

  void consume() {
    test_end e;
    if (pick(e)) g_.consume(e, 1 + below(20));
  }

  void pass_time() {
    g_.now = g_.now + microseconds{below(8000)};
    g_.tick_all();
  }

  void end_something() {
    test_end e;
    if (!pick(e)) return;
    if (one_in(3)) {
      g_.cancel(e, "enough");
    } else {
      g_.finish(e);
    }
  }

  void break_something() {
    const auto ways = g_.ways();
    const auto i = below(nodes);
    switch (below(4)) {
      case 0:
        if (!ways.empty()) g_.cut(ways[below(ways.size())].connection);
        break;
      case 1:
        g_.lead(i, ++token_);
        break;
      case 2:
        g_.act(i, one_in(2) ? 0 : ++token_);
        break;
      default:
        g_.node(i).reachable = one_in(2);
        g_.node(i).listens = one_in(2);
        g_.know(i, one_in(2) ? std::optional(below(nodes)) : std::nullopt);
        break;
    }
  }

  void heal() {
    g_.lane_open = true;
    for (std::size_t i = 0; i < nodes; ++i)
      g_.node(i).reachable = g_.node(i).reads = true;
    g_.lead(0, ++token_);
    for (int round = 0; round < 3; ++round) {
      g_.pass(1s);
      for (test_end e; pick_unfinished(e);)
        g_.finish(e);
      for (std::size_t i = 0; i < nodes; ++i) {
        for (auto& [id, u] : g_.node(i).users) {
          u.reads = true;
          g_.consume({i, id}, u.unread.size());
        }
      }
    }
    g_.pass(1s);
  }

  bool pick_unfinished(test_end& out) {
    for (std::size_t i = 0; i < nodes; ++i) {
      for (const auto& [id, u] : g_.node(i).users) {
        if (u.end || u.finish) continue;
        out = {i, id};
        return true;
      }
    }
    return false;
  }

  static void count(const test_user& u) {
    if (!u.end) return;
    if (u.end->outcome) {
      EXPECT_EQ(u.end->acknowledged, u.written.size());
      EXPECT_TRUE(u.finished && u.unread.empty());
      ++all.ended_well;
      return;
    }
    const auto code = u.end->outcome.error().code;
    all.leadership_lost += code == errc::leadership_lost && u.acknowledged < u.written.size();
    all.unknown += code == errc::outcome_unknown;
    all.timed_out += code == errc::timed_out;
    all.cancelled += code == errc::cancelled;
    all.not_opened += code == errc::not_executed || code == errc::no_leader;
  }

  std::mt19937 random_;
  test_group g_{nodes, 4 * limits::stream_window_first + message_max, message_max};
  std::size_t opened_ = 0;
  fencing_token token_ = 7;
};

course::tally course::all;

TEST(streams_random, what_always_holds_holds) {
  course::all = {};
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    course(seed).run();
    if (HasFailure()) return;
  }
  const auto& all = course::all;
  EXPECT_GT(all.ended_well, 100);
  EXPECT_GT(all.leadership_lost, 20);
  EXPECT_GT(all.unknown, 20);
  EXPECT_GT(all.timed_out, 20);
  EXPECT_GT(all.cancelled, 100);
  EXPECT_GT(all.not_opened, 20);
  EXPECT_GT(all.long_messages, 100);
}

}  // namespace
}  // namespace hedgerow::core
