#include "sim/course.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/describe.h"

namespace hedgerow::sim {
namespace {

enum step : std::uint64_t { to_trouble, to_peace, to_look };

constexpr true_time look_gap = 250 * millisecond;

}  // namespace

course::course(world& in, true_time length)
    : world_(in),
      with_(in.with()),
      random_(base::mix(in.with().seed ^ 0xc0057eULL)),
      faults_(in),
      workload_(in),
      length_(length) {
  world_.on_script = [this](const event& e) { on_script(e); };
}

run_result course::run() {
  auto& k = world_.core();
  world_.clocks().start();
  const true_time stagger = random_.chance(0.5) ? 0 : second;
  for (std::uint32_t s = 0; s < with_.nodes; ++s)
    world_.start_later(s, starting::same_name, random_.between(0, stagger));
  workload_.start();
  world_.start_clients();
  k.plan(0, event_kind::sample);
  k.plan(0, event_kind::stage, 0, to_trouble);
  world_.run_until(length_);
  // A run never ends in trouble.
  if (!k.failure && phase_ == phase::trouble) begin_peace();
  while (!k.failure && phase_ == phase::peace)
    world_.run_until(k.now + second);
  world_.acts().settle();
  world_.lock_acts().settle();
  return {with_.seed,
          k.failure,
          k.trace.hash(),
          k.trace.steps(),
          world_.network().messages(),
          world_.node_nanoseconds(),
          world_.calls().replies(),
          world_.calls().unknowns(),
          k.tally,
          base::probe_counts};
}

void course::on_script(const event& e) {
  if (e.kind == event_kind::fault) {
    faults_.on_event(e);
  } else if (e.kind == event_kind::work) {
    workload_.on_event(e);
  } else if (e.kind == event_kind::sample) {
    sample();
  } else if (e.target == round_) {
    if (e.a == to_trouble) begin_trouble();
    if (e.a == to_peace && phase_ == phase::trouble) begin_peace();
    if (e.a == to_look) look();
  }
}

void course::sample() {
  auto& k = world_.core();
  for (process* p : world_.live()) {
    if (!p->paused) p->act_if_leading();
  }
  world_.acts().settle();
  world_.lock_acts().settle();
  k.plan(k.now + random_.between(millisecond, 200 * millisecond), event_kind::sample);
}

void course::begin_trouble() {
  auto& k = world_.core();
  phase_ = phase::trouble;
  world_.locks().peace = 0;
  world_.streams().peace = false;
  faults_.start();
  const true_time longest = std::max<true_time>(40 * second, 20 * with_.lease());
  k.plan(k.now + random_.between(longest / 2, longest), event_kind::stage,
         static_cast<std::uint32_t>(round_), to_peace);
}

void course::begin_peace() {
  auto& k = world_.core();
  if (k.trace.wants(detail::transitions)) k.trace.say(k.now, "peace");
  phase_ = phase::peace;
  ++round_;
  world_.locks().peace = ++world_.locks().peaces;
  world_.streams().peace = true;
  faults_.heal_all();
  std::size_t running = 0;
  for (process* p : world_.live())
    running += p->running() ? 1U : 0U;
  for (std::uint32_t s = 0; s < with_.nodes; ++s) {
    if (world_.live_at(s) != nullptr || world_.start_planned(s)) continue;
    if (running != 0 && random_.chance(0.5)) continue;
    world_.start_later(s, starting::same_name, random_.between(0, second));
    ++running;
  }
  peace_until_ = k.now + budget();
  together_since_ = forever;
  last_call_.reset();
  k.plan(k.now + look_gap, event_kind::stage, static_cast<std::uint32_t>(round_), to_look);
}

// Waiting out foreign epochs (F11), stand-backs (C5), the guard (C4) and delays before a rejoin all
// have their bounds; together they bound the way back.
true_time course::budget() const {
  const auto& m = with_.node.membership;
  // Newcomers that are turned out together come back with new lives, and the rings are others: it
  // is a matter of chance each time.
  const true_time again = m.rejoin_delay_max.count() + m.join_patience.count();
  return 30 * second + 8 * (with_.lease() + 2 * with_.max_error()) +
         2 * m.rejoin_delay_max.count() + 2 * m.guard_window.count() + 30 * m.probe_period.count() +
         (m.members_vouch() ? 0 : 20 * again);
}

void course::look() {
  auto& k = world_.core();
  const std::string lacks = missing();
  const std::string open = lacks.empty() ? open_stream() : std::string();
  if (!open.empty() && k.now > peace_until_) {
    k.violated("streams", fmt::format("not over after {} s of peace: {}", budget() / second, open));
    return;
  }
  if (!lacks.empty() || !open.empty()) {
    together_since_ = forever;
    last_call_.reset();
    if (k.now > peace_until_) {
      k.violated("liveness", fmt::format("not together after {} s of peace: {}; {}",
                                         budget() / second, lacks, state_of_all()));
      return;
    }
  } else if (together_since_ == forever) {
    together_since_ = k.now;
  }
  auto all = world_.live();
  std::erase_if(all, [](const process* p) { return !p->running(); });
  if (together_since_ != forever) {
    const bool answered = last_call_ && world_.calls().replied(*last_call_);
    if ((answered || all.empty()) && k.now - together_since_ >= 2 * second) {
      k.plan(k.now, event_kind::stage, static_cast<std::uint32_t>(round_), to_trouble);
      phase_ = phase::trouble;
      if (k.trace.wants(detail::transitions)) k.trace.say(k.now, "together again");
      return;
    }
    if (!all.empty() && (!last_call_ || world_.calls().ended(*last_call_)))
      last_call_ = workload_.send(*all[random_.below(all.size())], 2 * second);
    if (k.now > peace_until_ + 10 * second) {
      k.violated("liveness", "no message is answered; " + state_of_all());
      return;
    }
  }
  k.plan(k.now + look_gap, event_kind::stage, static_cast<std::uint32_t>(round_), to_look);
}

std::string course::missing() {
  std::vector<process*> running;
  for (process* p : world_.live()) {
    if (p->stopping()) return "a node that stops";
    if (p->running()) running.push_back(p);
  }
  for (std::uint32_t s = 0; s < world_.slots(); ++s) {
    if (world_.start_planned(s)) return "a node that starts";
  }
  // Of two live processes with one name, the one that is in the view keeps the other out.
  std::erase_if(running, [&](const process* p) {
    return std::any_of(running.begin(), running.end(), [&](const process* q) {
      return q != p && q->name() == p->name() &&
             q->node().view()->find(q->node().incarnation()) != nullptr &&
             q->node().view()->find(p->node().incarnation()) == nullptr;
    });
  });
  if (running.empty()) return {};
  for (const auto* client : world_.locks().clients) {
    if (!client->content()) return client->state();
  }
  std::size_t leaders = 0;
  for (process* p : running)
    leaders += p->node().leadership_now().leading() ? 1U : 0U;
  if (leaders != 1) return fmt::format("{} leaders", leaders);
  const auto view = running.front()->node().view();
  for (process* p : running) {
    if (p->node().view()->id != view->id) return fmt::format("p{} has another view", p->id);
    const member* m = view->find(p->node().incarnation());
    if (m == nullptr) return fmt::format("p{} is not in the view", p->id);
    if (m->state != member_state::up) return fmt::format("p{} is not up", p->id);
  }
  if (view->members.size() != running.size()) return "somebody dead is in the view";
  return {};
}

// One that goes on where everybody reads and has finished.
std::string course::open_stream() {
  for (const process* p : world_.live()) {
    if (p->running() && p->streams().open() > 0) return p->streams().state();
  }
  for (const client* c : world_.clients()) {
    if (c->streams().open() > 0) return c->streams().state();
  }
  return {};
}

std::string course::state_of_all() {
  std::string text;
  for (process* p : world_.live()) {
    const auto v = p->cell->load();
    text += fmt::format("\n  p{} {}/{}{} cell {} token {}: {}", p->id, p->name(),
                        short_form(p->node().incarnation()), p->failed() ? " failed" : "",
                        static_cast<int>(v.state), v.token, describe(*p->node().view()));
  }
  for (std::uint32_t i = 0; i < with_.locks; ++i)
    text += fmt::format("\n  lock {}: {}", i, describe(world_.store().lock(i)));
  return text + fmt::format("\n  {}\n  {}", describe(world_.store().rows().lease),
                            describe(world_.store().rows().view));
}

}  // namespace hedgerow::sim
