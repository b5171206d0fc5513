#include "sim/world.h"

#include <algorithm>

#include <fmt/format.h>

namespace hedgerow::sim {
namespace {

// More events in one simulated second mean that somebody talks to himself.
constexpr std::uint64_t storm = 400'000;

bool for_process(event_kind kind) {
  return kind == event_kind::wake || kind == event_kind::dial_failed || is_reply(kind) ||
         is_job(kind) || is_lock(kind) || is_stream(kind) || is_client(kind);
}

}  // namespace

world::world(const swarm& with)
    : with_(with),
      random_(base::mix(with.seed ^ 0x3017dULL)),
      clocks_(kernel_, with_),
      store_(kernel_, with_, *this, *this),
      network_(kernel_, with_, *this),
      acts_(kernel_, clocks_),
      lock_acts_(kernel_, clocks_, lives_, with_.locks),
      locks_{kernel_, with_, clocks_, store_, lock_acts_},
      views_(kernel_),
      calls_(kernel_, acts_, lives_),
      evictions_(kernel_, lives_, network_.paths(), views_, with_.node.membership,
                 with_.node.store_patience),
      stream_acts_(kernel_, acts_, lives_),
      windows_(kernel_, stream_acts_, with_.node.stream_windows_bytes),
      streams_{kernel_, with_, clocks_, stream_acts_, windows_},
      handlers_(kernel_, with_, clocks_, *this),
      hosts_(with.slots) {
  if (with_.streams) network_.watch(windows_);
  store_.set_epoch(clocks_.epoch());
  for (std::uint32_t s = 0; s < with.slots; ++s)
    hosts_[s].name = fmt::format("n{}", s);
}

void world::run_until(true_time end) {
  auto& queue = kernel_.queue;
  while (!kernel_.failure && !queue.empty() && queue.next_at() <= end) {
    const event e = queue.pop();
    kernel_.now = e.at;
    kernel_.trace.step(e);
    if (e.at - second_began_ >= second) {
      second_began_ = e.at;
      steps_at_second_ = kernel_.trace.steps();
    } else if (kernel_.trace.steps() - steps_at_second_ > storm) {
      kernel_.violated("storm", "too many events in one second");
    }
    handle(e);
  }
  if (!kernel_.failure) kernel_.now = std::max(kernel_.now, end);
}

void world::handle(const event& e) {
  if (for_process(e.kind)) {
    to_process(e);
    return;
  }
  if (is_network_step(e.kind) || is_connection_news(e.kind)) {
    network_.on_event(e);
  } else if (is_store_step(e.kind)) {
    store_.on_event(e);
  } else if (is_clock_step(e.kind)) {
    clocks_.on_event(e);
  } else if (e.kind == event_kind::resume) {
    // Killed, or run on and paused again since?
    const bool same = lives_.of(e.target).paused_since == static_cast<true_time>(e.a);
    if (endpoints_[e.target]->alive && same) resume(process_of(e.target));
  } else if (e.kind == event_kind::start) {
    on_start(e);
  } else if (e.kind == event_kind::destroy) {
    if (endpoints_[e.target]->alive) kill(process_of(e.target));
  } else if (e.kind == event_kind::client_turn) {
    on_client_turn();
  } else if (e.kind == event_kind::call_check) {
    calls_.on_check(e.a);
  } else if (e.kind == event_kind::stream_check) {
    stream_acts_.on_check({e.a, e.b});
  } else if (on_script) {
    on_script(e);
  }
}

void world::to_process(const event& e) {
  auto& p = *endpoints_[e.target];
  if (!p.alive) {
    discard(e);
  } else {
    hand_over(p, e);
  }
}

void world::hand_over(endpoint& to, const event& e) {
  if (to.paused) {
    to.backlog.push_back(e);
    return;
  }
  to.take(e);
}

void world::discard(const event& e) {
  if (e.kind == event_kind::lease_reply || e.kind == event_kind::view_reply) store_.discard(e);
  if (e.kind == event_kind::job_start || e.kind == event_kind::job_end) handlers_.discard(e);
  if (e.kind == event_kind::message) network_.discard(e);
}

process* world::live_at(std::uint32_t slot) {
  return hosts_[slot].here;
}

std::vector<process*> world::live() {
  std::vector<sim::process*> all;
  for (const auto& h : hosts_)
    if (h.here != nullptr) all.push_back(h.here);
  return all;
}

process& world::start(std::uint32_t slot, const std::string& name) {
  const auto id = static_cast<std::uint32_t>(endpoints_.size());
  auto& h = hosts_[slot];
  microseconds lease = with_.node.lease.lease;
  if (with_.leases_differ && random_.chance(0.5)) {
    lease -= lease / 3;
    kernel_.tally.hit(fault::lease_differs);
  }
  h.name = name;
  surroundings around{kernel_, with_,      clocks_, store_, network_, handlers_, acts_,
                      views_,  evictions_, calls_,  lives_, locks_,   streams_};
  endpoints_.push_back(std::make_unique<sim::process>(around, id, slot, name, lease));
  started_.push_back(kernel_.now);
  auto& p = process_of(id);
  h.here = &p;
  p.start();
  return p;
}

void world::start_later(std::uint32_t slot, starting how, true_time after) {
  ++hosts_[slot].starts_planned;
  kernel_.plan(kernel_.now + after, event_kind::start, slot, static_cast<std::uint64_t>(how));
}

void world::on_start(const event& e) {
  auto& h = hosts_[e.target];
  --h.starts_planned;
  if (h.here != nullptr) return;
  h.up = true;
  std::string name = h.name;
  if (static_cast<starting>(e.a) == starting::new_name) {
    name = fmt::format("n{}-{}", e.target, ++h.renamed);
    kernel_.tally.hit(fault::new_name);
  } else if (static_cast<starting>(e.a) == starting::twin) {
    const auto others = live();
    if (others.empty()) return;
    name = others[random_.below(others.size())]->name();
    kernel_.tally.hit(fault::twin_name);
  }
  start(e.target, name);
}

void world::start_clients() {
  for (std::uint32_t i = 0; i < with_.clients; ++i)
    kernel_.plan(kernel_.now + random_.between(0, 2 * second), event_kind::client_turn);
}

// One more, or the oldest goes: as its user wants it, or all of a sudden.
void world::on_client_turn() {
  kernel_.plan(kernel_.now + random_.between(second, 40 * second), event_kind::client_turn);
  if (clients_.size() >= with_.clients) {
    auto& oldest = *clients_.front();
    if (random_.chance(0.5)) oldest.stop();
    network_.vanish(oldest, false);
    end_client(oldest);
  }
  const auto id = static_cast<std::uint32_t>(endpoints_.size());
  endpoints_.push_back(std::make_unique<sim::client>(
      client_surroundings{kernel_, with_, clocks_, network_, calls_, lives_, streams_}, id,
      slots() - 1));
  started_.push_back(kernel_.now);
  clients_.push_back(static_cast<sim::client*>(endpoints_.back().get()));
  kernel_.tally.hit(fault::client_came);
  clients_.back()->start();
}

void world::end_client(sim::client& c) {
  c.end();
  std::erase(clients_, &c);
}

void world::end_process(sim::process& p) {
  node_ns_ += static_cast<std::uint64_t>(kernel_.now - started_[p.id]);
  for (const auto& e : p.backlog)
    discard(e);
  p.backlog.clear();
  p.paused = false;
  p.end();
  hosts_[p.slot].here = nullptr;
}

void world::kill(sim::process& p) {
  if (kernel_.trace.wants(detail::transitions))
    kernel_.trace.say(kernel_.now, fmt::format("p{} {} is gone", p.id, p.name()));
  network_.vanish(p, false);
  end_process(p);
}

void world::power_off(std::uint32_t slot, true_time for_long) {
  if (kernel_.trace.wants(detail::transitions))
    kernel_.trace.say(kernel_.now, fmt::format("host {} loses power", slot));
  auto& h = hosts_[slot];
  h.up = false;
  if (h.here != nullptr) {
    network_.vanish(*h.here, true);
    end_process(*h.here);
  }
  start_later(slot, starting::same_name, for_long);
}

void world::reboot() {
  if (kernel_.trace.wants(detail::transitions)) kernel_.trace.say(kernel_.now, "reboot");
  kernel_.tally.hit(fault::reboot);
  for (std::uint32_t s = 0; s < slots(); ++s) {
    const bool was = hosts_[s].here != nullptr;
    if (was) {
      network_.vanish(*hosts_[s].here, true);
      end_process(*hosts_[s].here);
    }
    if (was) start_later(s, starting::same_name, random_.between(0, second));
  }
  while (!clients_.empty()) {
    network_.vanish(*clients_.front(), true);
    end_client(*clients_.front());
  }
  clocks_.reboot();
  store_.set_epoch(clocks_.epoch());
}

void world::pause(sim::process& p, true_time for_long) {
  if (p.paused) return;
  if (kernel_.trace.wants(detail::transitions))
    kernel_.trace.say(kernel_.now, fmt::format("p{} {} is stopped for {} ms", p.id, p.name(),
                                               for_long / millisecond));
  kernel_.tally.hit(fault::pause);
  p.paused = true;
  lives_.paused(p.id, kernel_.now);
  kernel_.plan(kernel_.now + for_long, event_kind::resume, p.id,
               static_cast<std::uint64_t>(kernel_.now));
}

// What queued up is handled in its order; the timer may be looked at first.
void world::resume(sim::process& p) {
  if (kernel_.trace.wants(detail::transitions))
    kernel_.trace.say(kernel_.now, fmt::format("p{} {} runs on", p.id, p.name()));
  p.paused = false;
  lives_.resumed(p.id, kernel_.now);
  auto events = std::move(p.backlog);
  p.backlog.clear();
  if (random_.chance(0.5)) {
    std::stable_partition(events.begin(), events.end(),
                          [](const event& e) { return e.kind == event_kind::wake; });
  }
  for (const auto& e : events)
    p.take(e);
}

std::uint64_t world::node_nanoseconds() const {
  std::uint64_t total = node_ns_;
  for (const auto& h : hosts_)
    if (h.here != nullptr) total += static_cast<std::uint64_t>(kernel_.now - started_[h.here->id]);
  return total;
}

void world::on_lease_executed(std::uint32_t process, const ports::lease_request& request,
                              const ports::lease_reply& reply) {
  kernel_.trace.mix(process ^ (static_cast<std::uint64_t>(request.action) << 32U) ^
                    (reply.applied ? 1U << 16U : 0U));
  if (reply.applied && reply.row && reply.row->lease > reply.row->lease_max)
    kernel_.violated("acts",
                     fmt::format("p{} has a lease of {} us, nobody may have one of more than {}",
                                 process, reply.row->lease.count(), reply.row->lease_max.count()));
}

void world::on_view_submitted(std::uint32_t process, std::uint64_t number,
                              const ports::view_request& request) {
  evictions_.on_submitted(process, number, request);
}

void world::on_view_executed(std::uint64_t number, const ports::view_request& request,
                             const std::optional<ports::view_row>& before,
                             const ports::view_reply& reply) {
  views_.on_executed(request, before, reply);
  evictions_.on_executed(number, request, reply);
}

void world::on_executed(const endpoint& at, const ports::job& work) {
  process_of(at.id).settle();
  if (work.kind == message::request_kind::send)
    acts_.on_act(at.id, at.self.incarnation, work.token);
  calls_.on_executed(at, work);
}

}  // namespace hedgerow::sim
