// Whatever has happened: the core neither spins nor sleeps for ever, and once the world is well
// again somebody leads. Two cores compete for one row through random faults; at no reading may both
// act, and the tokens of those that act only grow.

#include <map>

#include <gtest/gtest.h>

#include "base/random.h"
#include "core/lease/lease_stand.h"

namespace hedgerow::core {
namespace {

using namespace std::chrono_literals;
using ports::store_outcome;

class rivals {
 public:
  explicit rivals(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < 2; ++i) {
      nodes_[i].core.emplace(lease_options{}, lease_self{i == 0 ? "a" : "b", {}, "", "utc"},
                             seed + i);
      call(i, [&](reading now, lease_effects& out) {
        nodes_[i].core->reincarnate(now, incarnation{i + 1, 1}, out);
      });
    }
  }

  void step(bool faults) {
    const auto i = static_cast<std::size_t>(random_.below(2));
    if (faults) hurt(i);
    if (!nodes_[i].open.empty() && random_.chance(0.6)) {
      carry_out(i, faults);
    } else {
      sleep(i);
    }
    check();
  }
  void heal() {
    for (auto& n : nodes_) {
      n.status = clock_status::synchronized;
      n.width_us = 1000;
    }
  }
  bool somebody_acts() const {
    return nodes_[0].core->may_act(now(0).truth) || nodes_[1].core->may_act(now(1).truth);
  }

 private:
  struct node {
    std::optional<lease> core;
    std::vector<lease_effect::submit> open;
    clock_status status = clock_status::synchronized;
    std::int64_t width_us = 0;
    int busy = 0;  // wake-ups that were due within this millisecond
    std::int64_t busy_since_us = 0;
  };

  // The true instant lies anywhere within.
  reading now(std::size_t i) const {
    const auto& n = nodes_[i];
    const auto anywhere = base::mix(static_cast<std::uint64_t>(true_us_) * 2 + i);
    const auto before =
        static_cast<std::int64_t>(anywhere % (static_cast<std::uint64_t>(n.width_us) + 1));
    const std::int64_t earliest = true_us_ - before;
    return {{{earliest}, {earliest + n.width_us}, n.status, true_us_}, {true_us_ * 1000}};
  }
  template <class Call>
  void call(std::size_t i, Call what) {
    lease_effects out;
    what(now(i), out);
    for (const auto& e : out) {
      if (const auto* s = std::get_if<lease_effect::submit>(&e)) nodes_[i].open.push_back(*s);
    }
  }
  void hurt(std::size_t i) {
    auto& n = nodes_[i];
    switch (random_.below(24)) {
      case 0:
        n.status = random_.chance(0.5) ? clock_status::unknown : clock_status::synchronized;
        break;
      case 1:
        n.width_us = random_.between(0, 120'000);
        break;
      case 2:
        epoch_ = "e" + std::to_string(++epochs_);
        break;
      case 3:
        true_us_ += random_.between(0, 5'000'000);  // a pause
        break;
      case 4:
        call(i, [&](reading r, lease_effects& out) { n.core->stand_back(r, "test", out); });
        break;
      case 5:
        call(i, [&](reading r, lease_effects& out) { n.core->on_holder_gone(r, out); });
        break;
      case 6:
        if (random_.chance(0.1)) row_.reset();
        break;
      case 7:
        call(i, [&](reading r, lease_effects& out) {
          n.core->reincarnate(r, incarnation{i + 1, ++lives_}, out);
        });
        break;
      default:
        break;
    }
  }
  void carry_out(std::size_t i, bool faults) {
    auto& n = nodes_[i];
    const auto at = faults ? static_cast<std::size_t>(random_.below(n.open.size())) : 0;
    const auto s = n.open[at];
    n.open.erase(n.open.begin() + static_cast<std::ptrdiff_t>(at));
    ports::lease_reply reply;
    const bool ill = faults && random_.chance(0.3);
    if (!ill || random_.chance(0.5)) reply = execute(row_, epoch_, s.request);
    if (ill) reply = {store_outcome::unknown, false, {}, {}, "ill"};
    if (ill && random_.chance(0.3)) return;  // never answered
    true_us_ += random_.between(0, 2000);
    call(i, [&](reading r, lease_effects& out) { n.core->on_reply(r, s.id, reply, out); });
  }
  // To the earliest wake-up of both, or less.
  void sleep(std::size_t i) {
    const auto a = nodes_[0].core->next_wake(now(0)).ns / 1000 + 1;
    const auto b = nodes_[1].core->next_wake(now(1)).ns / 1000 + 1;
    const auto at = std::min({a, b, true_us_ + 60'000'000});
    true_us_ = std::max(true_us_, at);
    for (const auto k : {i, 1 - i}) {
      const auto r = now(k);
      const bool due = nodes_[k].core->next_wake(r) <= r.boot;
      call(k, [&](reading again, lease_effects& out) { nodes_[k].core->tick(again, out); });
      auto& n = nodes_[k];
      if (true_us_ > n.busy_since_us + 1000) {
        n.busy = 0;
        n.busy_since_us = true_us_;
      }
      n.busy += due ? 1 : 0;
    }
  }
  void check() {
    EXPECT_FALSE(nodes_[0].core->may_act(now(0).truth) && nodes_[1].core->may_act(now(1).truth));
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_LT(nodes_[i].busy, 100) << "it spins";
      if (!nodes_[i].core->may_act(now(i).truth)) continue;
      const auto token = nodes_[i].core->held_token();
      EXPECT_GE(token, highest_) << "somebody acts under an old token";
      highest_ = std::max(highest_, token);
      const auto [it, first] = owner_.emplace(token, i);
      EXPECT_TRUE(first || it->second == i) << "two act under one token";
    }
  }

  base::random random_;
  node nodes_[2];
  std::optional<ports::lease_row> row_;
  std::string epoch_ = "e0";
  int epochs_ = 0;
  std::uint64_t lives_ = 1;
  std::int64_t true_us_ = 1'000'000'000;
  fencing_token highest_ = 0;
  std::map<fencing_token, std::size_t> owner_;
};

TEST(lease, whatever_happened_somebody_leads_again_and_never_two) {
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    rivals world(seed);
    for (int i = 0; i < 150; ++i)
      world.step(true);
    world.heal();
    int steps = 0;
    while (!world.somebody_acts() && steps < 400) {
      world.step(false);
      ++steps;
    }
    ASSERT_TRUE(world.somebody_acts()) << "seed " << seed;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace hedgerow::core
