#include "sim/directed.h"

#include <algorithm>
#include <functional>
#include <string>

#include "base/probe.h"
#include "core/membership/rings.h"
#include "sim/world.h"

namespace hedgerow::sim {
namespace {

swarm nodes(std::uint32_t count) {
  swarm s = calm_swarm();
  s.nodes = count;
  s.slots = count + 1;
  return s;
}

// Who is cut off for the length of a lease or two is not silent yet: it is not evicted, and may
// lead as the member that it was (S5).
swarm patient() {
  swarm s = nodes(3);
  s.node.membership.probe_period = seconds{2};
  return s;
}

// Of three nodes `a` leads first, `b` stays with it, `c` will be cut off and wants to lead.
class stage_play {
 public:
  stage_play(trace::mode words, detail up_to, const swarm& with = nodes(3)) : world_(with) {
    world_.core().trace.words(words, up_to);
    world_.clocks().exact(200);
    for (std::uint32_t s = 0; s < with.nodes; ++s) {
      world_.start(s, std::string(1, static_cast<char>('a' + s)));
      if (s == 0) until([&] { return leads(0); }, 10 * second, "a leads");
    }
    const auto all_up = [&] {
      const auto v = world_.live_at(0)->node().view();
      return v->members.size() == with.nodes &&
             std::all_of(v->members.begin(), v->members.end(),
                         [](const member& m) { return m.state == member_state::up; });
    };
    until(all_up, 10 * second, "all are members");
  }

  world& in() { return world_; }
  true_time now() { return world_.core().now; }
  true_time lease() const { return world_.with().lease(); }
  bool failed() { return world_.core().failure.has_value(); }

  bool leads(std::uint32_t slot) {
    const process* p = world_.live_at(slot);
    return p != nullptr && p->node().leadership_now().leading();
  }
  // Waits for `happened`; the schedule is not reached if it does not happen in time.
  void until(const std::function<bool()>& happened, true_time patience, std::string_view what) {
    const true_time end = now() + patience;
    while (!failed() && !happened()) {
      if (now() >= end)
        world_.core().violated(std::string(not_reached), "never happened: " + std::string(what));
      pass(millisecond);
    }
  }
  void pass(true_time length) {
    if (failed()) return;
    world_.run_until(now() + length);
    ask();
  }
  void pass_until(true_time t) {
    while (!failed() && now() < t)
      pass(std::min<true_time>(5 * millisecond, t - now()));
  }
  // Nothing passes between this host and those of the other nodes from now on.
  void isolate(std::uint32_t slot) {
    std::vector<std::uint32_t> others;
    for (std::uint32_t s = 0; s < world_.with().nodes; ++s)
      if (s != slot) others.push_back(s);
    separate(slot, others, 1'000 * second);
  }
  void separate(std::uint32_t slot, const std::vector<std::uint32_t>& others, true_time for_long) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ways;
    for (const auto s : others) {
      ways.emplace_back(s, slot);
      ways.emplace_back(slot, s);
    }
    world_.network().cut(std::move(ways), for_long);
  }
  // The moment at which the row's lease runs out.
  true_time row_expires() {
    const auto& row = world_.store().rows().lease;
    return row ? world_.clocks().when(row->expires) : 0;
  }
  std::optional<violation> end() {
    world_.acts().settle();
    return world_.core().failure;
  }

 private:
  void ask() {
    for (process* p : world_.live())
      p->act_if_leading();
    world_.acts().settle();
  }

  world world_;
};

// F11, F12. Times in hundredths of a lease: a's renewal at 50 is lost by the promotion at 60; c,
// which hears nobody, may take at 101 by the row, though a's lease runs to 150; a second promotion
// at 130 restores a's row, and a re-pins it. With "take, then cool off" c acts from 201 on.
std::optional<violation> two_promotions(trace::mode words, detail up_to) {
  stage_play play(words, up_to, patient());
  auto& store = play.in().store();
  const true_time unit = play.lease() / 100;
  play.isolate(2);
  true_time known = play.row_expires();
  play.until([&] { return play.row_expires() > known; }, play.lease(), "a renews");
  const true_time start = play.row_expires() - play.lease();  // the row's lease is 0 to 100
  known = play.row_expires();
  play.pass_until(start + 40 * unit);
  play.until([&] { return play.row_expires() > start + 145 * unit; }, play.lease(),
             "a renews again");
  play.in().store().freeze_lease(0, forever);
  play.pass(5 * millisecond);
  store.promote(start + 10 * unit, play.now());
  const true_time before_take = play.now();
  play.pass_until(start + 129 * unit);
  store.freeze_lease(2, forever);
  play.pass_until(start + 130 * unit);
  store.promote(before_take, before_take);
  play.pass(millisecond);
  store.thaw(0);
  play.pass_until(start + 260 * unit);
  if (!play.leads(0)) play.until([] { return false; }, 0, "a keeps its lease");
  return play.end();
}

// F12. a hears nothing of the store while its lease runs out; c takes, rightly; a promotion forgets
// that, and a, whose lease is over, must not write the new epoch into what looks like its row.
std::optional<violation> late_repin(trace::mode words, detail up_to) {
  stage_play play(words, up_to, patient());
  auto& store = play.in().store();
  const true_time unit = play.lease() / 100;
  play.isolate(2);
  store.freeze_lease(0, forever);
  store.freeze_lease(1, forever);
  play.pass(5 * millisecond);
  const true_time over = play.row_expires();
  const true_time before_take = play.now();
  play.until([&] { return play.leads(2); }, 2 * play.lease(), "c leads");
  play.pass_until(std::max(play.now(), over) + 5 * unit);
  store.freeze_lease(2, forever);
  store.promote(before_take, before_take);
  play.pass(unit);
  store.thaw(0);
  play.pass_until(over + 95 * unit);
  return play.end();
}

// R9. The leader dies, the store is promoted; both others wait out what may have been lost (F11).
// b's take waits in its driver while c takes and leads; another promotion forgets c's take, and
// only then b's statement begins. It names an epoch that is no more.
std::optional<violation> take_through_promotion(trace::mode words, detail up_to) {
  stage_play play(words, up_to);
  auto& store = play.in().store();
  const true_time unit = play.lease() / 100;
  store.promote(play.now(), play.now());
  play.in().kill(*play.in().live_at(0));
  const true_time promoted = play.now();
  play.pass_until(promoted + 95 * unit);
  const true_time before_take = play.now();
  const true_time waited = promoted + play.lease() + 2 * play.in().with().max_error();
  store.freeze_lease(1, forever);
  play.isolate(1);
  play.pass_until(waited);
  play.until([&] { return play.leads(2); }, play.lease() / 6, "c leads");
  store.freeze_lease(2, forever);
  store.promote(before_take, play.now());
  store.thaw(1);
  play.pass_until(play.now() + 60 * unit);
  return play.end();
}

// R7. The answer to a's release does not come back to it; a newcomer reads the row and leads at
// once.
std::optional<violation> release_unanswered(trace::mode words, detail up_to) {
  stage_play play(words, up_to);
  auto& store = play.in().store();
  play.in().live_at(0)->stop();
  play.pass(play.in().with().statement.least);  // it has begun, and is not over
  store.freeze_lease(0, play.now() + play.lease());
  play.until([&] { return store.rows().lease->released; }, play.lease() / 4, "a's release is done");
  play.in().start(3, "d");
  play.until([&] { return play.leads(3); }, play.lease() / 4, "d leads");
  play.pass(20 * millisecond);
  return play.end();
}

// R8. c sees no row, and what creates it is executed only when a has led for long and somebody has
// deleted a's row, of which a hears nothing. d finds what c has made.
std::optional<violation> late_creation(trace::mode words, detail up_to) {
  stage_play play(words, up_to, patient());
  auto& store = play.in().store();
  const true_time late = play.now() + 5 * play.lease();
  play.isolate(2);
  store.freeze_lease(0, forever);
  store.freeze_lease(1, forever);
  play.pass(play.in().with().statement.most * 3);
  store.delete_lease_row();
  store.delay_creation(2, late);
  play.pass(play.lease() + play.lease() / 5);
  store.thaw(0);
  play.until([&] { return play.leads(0); }, 2 * play.lease(), "a leads again");
  play.pass_until(late - 20 * millisecond);
  store.freeze_lease(0, forever);
  play.pass(5 * millisecond);
  store.delete_lease_row();
  play.until([&] { return store.rows().lease.has_value(); }, 50 * millisecond, "c's row is there");
  play.isolate(3);
  play.in().start(3, "d");
  play.until([&] { return play.leads(3); }, 3 * play.lease(), "d leads");
  return play.end();
}

// One that three others observe, none of them the leader, and each of those three is observed by
// somebody outside the story: then the others vouch for the three while the leader can't hear them.
std::optional<std::vector<std::uint32_t>> subject_and_observers(stage_play& play) {
  const auto v = play.in().live_at(0)->node().view();
  const core::rings rings(*v, 3);
  const auto slot_of = [&](std::uint32_t i) {
    return static_cast<std::uint32_t>(v->members[i].name[0] - 'a');
  };
  for (std::uint32_t s = 0; s < v->members.size(); ++s) {
    std::vector<std::uint32_t> story{slot_of(s)};
    for (const auto o : rings.observers_of(s))
      story.push_back(slot_of(o));
    const auto inside = [&](std::uint32_t slot) {
      return slot == 0 || std::find(story.begin(), story.end(), slot) != story.end();
    };
    if (std::count(story.begin(), story.end(), 0U) > 0 || slot_of(s) == 0) continue;
    const auto& mine = rings.observers_of(s);
    if (std::all_of(mine.begin(), mine.end(), [&](std::uint32_t o) {
          const auto& its = rings.observers_of(o);
          return std::any_of(its.begin(), its.end(),
                             [&](std::uint32_t x) { return !inside(slot_of(x)); });
        }))
      return story;
  }
  return std::nullopt;
}

// C1. The leader's beats do not reach three observers any more, though their reports reach the
// leader: stale. Then they lose sight of the one that they observe, whom everybody else hears.
std::optional<violation> stale_reports(trace::mode words, detail up_to) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    swarm with = nodes(9);
    with.seed = seed;
    with.node.membership.observers_max = 3;
    stage_play play(words, up_to, with);
    const auto story = subject_and_observers(play);
    if (!story) continue;
    const true_time period = with.node.membership.probe_period.count();
    std::vector<std::pair<std::uint32_t, std::uint32_t>> beats;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sight;
    for (std::size_t i = 1; i < story->size(); ++i) {
      beats.emplace_back(0, (*story)[i]);
      sight.emplace_back(story->front(), (*story)[i]);
      sight.emplace_back((*story)[i], story->front());
    }
    play.in().network().cut(std::move(beats), 1'000 * second);
    play.pass(25 * period);
    play.in().network().cut(std::move(sight), 1'000 * second);
    play.pass(25 * period);
    return play.end();
  }
  return violation{std::string(not_reached), "no ring has such observers", 0};
}

std::uint64_t passed(std::size_t probe) {
  return base::probe_counts.at(probe);
}

constexpr std::size_t evicted_while_held = base::probe_index("lease_evicted_while_held");
constexpr std::size_t deposed_by_row = base::probe_index("view_deposed_by_row");
constexpr std::size_t asks_late_for_views = base::probe_index("engine_asks_late_for_views");
constexpr std::size_t number_on_another_list = base::probe_index("view_number_on_another_list");
constexpr std::size_t told_of_past_leader = base::probe_index("client_told_of_past_leader");

// S5. The leader's host loses the network and with it the source of its time. What it holds is
// suspended, not lost, for it can't tell whether it has run out. The others go on without it; and
// when it hears of them, it holds a lease as who was removed.
std::optional<violation> removed_while_it_holds(trace::mode words, detail up_to) {
  const auto before = passed(evicted_while_held);
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    swarm with = nodes(3);
    with.seed = seed;
    stage_play play(words, up_to, with);
    play.in().clocks().trouble(0, clock_trouble::unknown, 1'000 * second);
    play.isolate(0);
    play.until([&] { return play.in().store().rows().view->members.size() == 2; }, 3 * play.lease(),
               "a is removed");
    play.in().network().heal();
    // Which of the two sends its bytes again first is chance: the leader's beat would be a loss.
    play.pass(5 * second);
    if (play.failed() || passed(evicted_while_held) != before) return play.end();
  }
  return std::nullopt;
}

// R5. Nobody runs, somebody deletes the row of the lease, and the wall clock is set back. The row
// of views is all that knows the last token: who took a lower one must not lead.
std::optional<violation> lower_token(trace::mode words, detail up_to) {
  swarm with = nodes(3);
  with.boot_scale = true;
  stage_play play(words, up_to, with);
  for (process* p : play.in().live())
    play.in().kill(*p);
  play.in().store().delete_lease_row();
  play.in().clocks().set_back(3600 * second);
  for (std::uint32_t s = 0; s < with.nodes; ++s)
    play.in().start(s, std::string(1, static_cast<char>('a' + s)));
  play.until([&] { return play.leads(0) || play.leads(1) || play.leads(2); }, 10 * play.lease(),
             "somebody leads");
  play.pass(play.lease());
  return play.end();
}

// S3. b hears nothing of the view with d in it, and who has seen it dies. A promotion loses it, b
// leads, and the answer to its first commit does not come: the statement was never begun. A second
// promotion, of a copy that has d, brings a list back that gets, by b's claim, token and sequence
// of that commit. It is not what b has committed.
std::optional<violation> number_of_another(trace::mode words, detail up_to) {
  swarm with = patient();
  with.node.store_patience = milliseconds{500};
  stage_play play(words, up_to, with);
  auto& in = play.in();
  const auto& rows = in.store().rows();
  const true_time silence = with.node.membership.silence().count();
  play.separate(1, {0, 2, 3}, 1'000 * second);
  play.pass(5 * millisecond);
  const true_time before_d = play.now();
  const fencing_token first = rows.lease->token;
  in.start(3, "d");
  play.until([&] { return rows.view->members.size() == 4; }, play.lease(), "d is in the view");
  const true_time with_d = play.now();
  play.pass(millisecond);
  for (const std::uint32_t slot : {0U, 2U, 3U})
    in.kill(*in.live_at(slot));
  in.store().promote(play.now(), before_d);
  play.until([&] { return rows.view->id.token > first; }, 4 * play.lease(), "b claims the row");
  // It asks the others for their views for as long as silence takes, and commits then.
  play.pass_until(play.now() + silence - 5 * millisecond);
  in.store().freeze(1, play.now() + 700 * millisecond);
  play.pass(300 * millisecond);
  in.store().promote(play.now(), with_d);
  play.until([&] { return play.leads(1); }, 3 * silence, "b leads");
  play.pass(play.lease());
  return play.end();
}

std::optional<violation> leads_with_d(stage_play& play, std::uint32_t slot) {
  play.until([&] { return play.leads(slot); }, 4 * play.lease(), "the next one leads");
  if (!play.failed() && play.in().live_at(slot)->node().view()->find("d") == nullptr)
    play.in().core().violated("views", "the new leader has forgotten d, whom c knows");
  play.pass(play.lease());
  return play.end();
}

// S3. A promotion loses the view with d in it, which b has not heard of either. b takes the lease
// and reaches the others only then: it must ask them before it commits, or d is forgotten.
std::optional<violation> known_to_members(trace::mode words, detail up_to) {
  stage_play play(words, up_to, patient());
  auto& in = play.in();
  const auto& rows = in.store().rows();
  play.separate(1, {0, 2, 3}, 1'000 * second);
  play.pass(5 * millisecond);
  const true_time before_d = play.now();
  const fencing_token first = rows.lease->token;
  in.start(3, "d");
  play.until([&] { return in.live_at(2)->node().view()->members.size() == 4; }, play.lease(),
             "c sees d");
  for (const std::uint32_t slot : {2U, 3U})
    in.store().freeze_lease(slot, forever);
  in.kill(*in.live_at(0));
  in.store().promote(play.now(), before_d);
  play.until([&] { return rows.view->id.token > first; }, 4 * play.lease(), "b claims the row");
  in.network().heal();
  return leads_with_d(play, 1);
}

// S3. The same, and who takes the lease is new: it has a connection to nobody when it has to ask.
std::optional<violation> known_to_others(trace::mode words, detail up_to) {
  swarm with = patient();
  with.slots = 5;
  stage_play play(words, up_to, with);
  auto& in = play.in();
  const true_time before_d = play.now();
  in.start(3, "d");
  play.until([&] { return in.live_at(2)->node().view()->members.size() == 4; }, play.lease(),
             "c sees d");
  for (const std::uint32_t slot : {1U, 2U, 3U})
    in.store().freeze_lease(slot, forever);
  in.kill(*in.live_at(0));
  in.store().promote(play.now(), before_d);
  in.start(4, "e");
  return leads_with_d(play, 4);
}

// The leader hands over and says so; c, cut off from both, still takes it for the leader when a
// client comes, which has heard of the next one. Its calls must not go back.
std::optional<violation> past_leader(trace::mode words, detail up_to) {
  const auto before = passed(told_of_past_leader);
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    swarm with = patient();
    with.seed = seed;
    with.clients = 1;
    ++with.slots;
    stage_play play(words, up_to, with);
    const true_time apart = 8 * second;
    const true_time together = play.now() + apart;
    play.separate(with.slots - 1, {2}, apart);
    play.in().start_clients();
    play.pass_until(together - play.lease() / 2);
    play.isolate(2);
    play.in().live_at(0)->stop();
    play.until([&] { return play.leads(1); }, play.lease() / 4, "b leads");
    play.pass_until(together + 50 * millisecond);
    if (play.failed()) return play.end();
    play.in().kill(*play.in().live_at(1));
    play.pass(play.lease() / 3);
    // Whom the client followed, and when it ended, is chance.
    if (play.failed() || passed(told_of_past_leader) != before) return play.end();
  }
  return std::nullopt;
}

}  // namespace

std::optional<violation> play(const schedule& s, trace::mode words, detail up_to) {
  const auto before = s.reaches ? base::probe_counts.at(*s.reaches) : 0;
  auto found = s.play(words, up_to);
  if (!found && s.reaches && base::probe_counts.at(*s.reaches) == before)
    found = violation{std::string(not_reached),
                      "never passed: " + std::string(base::probe_names.at(*s.reaches)), 0};
  return found;
}

const std::vector<schedule>& directed_schedules() {
  static const std::vector<schedule> all{
      {"two promotions within LMAX, then a re-pin", "F11 F12", two_promotions},
      {"a re-pin after the lease is over", "F12", late_repin},
      {"a take that waits through a promotion", "R9", take_through_promotion},
      {"a release whose answer is late", "R7", release_unanswered},
      {"a row that is created late", "R8", late_creation},
      {"observers that the leader cannot hear", "C1", stale_reports},
      {"a view that only members know", "S3", known_to_members},
      {"a newcomer that leads first", "S3", known_to_others, asks_late_for_views},
      {"a holder that was removed", "S5", removed_while_it_holds, evicted_while_held},
      {"a token lower than the views'", "R5", lower_token, deposed_by_row},
      {"two lists of one number", "S3", number_of_another, number_on_another_list},
      {"a client that is told of a past leader", "DESIGN 6", past_leader, told_of_past_leader},
  };
  return all;
}

}  // namespace hedgerow::sim
