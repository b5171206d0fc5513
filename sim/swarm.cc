#include "sim/swarm.h"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "base/random.h"

namespace hedgerow::sim {
namespace {

using base::random;

template <class T>
T pick(random& r, std::initializer_list<T> values) {
  return *(values.begin() + r.below(values.size()));
}

void draw_nodes(random& r, swarm& s) {
  const auto dice = r.below(100);
  if (dice < 5)
    s.nodes = 1;
  else if (dice < 18)
    s.nodes = 2;
  else if (dice < 50)
    s.nodes = 3;
  else if (dice < 66)
    s.nodes = 4;
  else if (dice < 80)
    s.nodes = 5;
  else if (dice < 92)
    s.nodes = static_cast<std::uint32_t>(r.between(6, 8));
  else
    s.nodes = static_cast<std::uint32_t>(r.between(9, 12));
  s.slots = s.nodes + 1;
  s.zones = static_cast<std::uint32_t>(r.between(1, 3));
}

void draw_lease(random& r, swarm& s) {
  auto& o = s.node.lease;
  const std::int64_t ms = pick<std::int64_t>(r, {300, 500, 1000, 2000, 3000, 3000, 5000, 10000});
  o.lease = milliseconds{ms};
  const std::int64_t us = o.lease.count();
  o.max_error = microseconds{
      s.boot_scale ? 100'000 : pick<std::int64_t>(r, {2'000, 20'000, us / 20, us / 8, us / 4})};
  o.clock_watch = milliseconds{s.boot_scale ? 0 : 100};
  o.rank_step = milliseconds{pick<std::int64_t>(r, {2, 10, 30})};
  s.leases_differ = s.nodes >= 3 && r.chance(0.08);
  s.node.store_patience = milliseconds{pick<std::int64_t>(r, {ms / 2, 2000, 5000})};
  s.node.stop_patience = milliseconds{pick<std::int64_t>(r, {200, 1500, 1500})};
}

void draw_membership(random& r, swarm& s) {
  auto& m = s.node.membership;
  m.probe_period = milliseconds{s.nodes >= 6 ? pick<std::int64_t>(r, {300, 500, 1000})
                                             : pick<std::int64_t>(r, {100, 300, 300, 600})};
  m.observers_max = r.chance(0.3) ? static_cast<int>(r.between(1, 4)) : 10;
  m.hold = milliseconds{pick<std::int64_t>(r, {50, 200, 200})};
  m.hold_max = m.hold * pick<std::int64_t>(r, {1, 2, 6});
  m.guard_window = seconds{pick<std::int64_t>(r, {5, 20, 60})};
  m.guard_share = r.chance(0.3) ? 0.6 : 1.0 / 3.0;
  m.join_patience = std::max<nanoseconds>(milliseconds{2000}, 4 * m.probe_period);
  m.rejoin_delay_max = seconds{pick<std::int64_t>(r, {2, 8, 30})};
}

void draw_clocks(random& r, swarm& s) {
  s.readings = pick(r, {placement::edges, placement::edges, placement::uniform, placement::early,
                        placement::late, placement::split, placement::split});
  const std::int64_t most = s.node.lease.max_error.count() - 2;
  s.width_max_us = s.boot_scale ? 0 : pick<std::int64_t>(r, {most, most, most / 2, most / 10});
  s.drift_ppm_max = pick<std::int64_t>(r, {0, 100, 10'000});
}

void draw_network(random& r, swarm& s) {
  s.link.least = pick<true_time>(r, {20 * microsecond, 200 * microsecond, 2 * millisecond});
  s.link.most = s.link.least * pick<true_time>(r, {2, 10});
  s.link.spike = pick<true_time>(r, {100 * millisecond, second, 2 * s.lease()});
  s.link.spikes = pick<std::int64_t>(r, {0, 0, 20, 500, 3'000});
  s.own_host_errors = pick<std::int64_t>(r, {0, 0, 20'000, 200'000});
  s.queue_max = pick<std::uint32_t>(r, {4096, 4096, 24});
}

void draw_store(random& r, swarm& s) {
  auto& d = s.statement;
  d.least = pick<true_time>(r, {100 * microsecond, 500 * microsecond, 5 * millisecond});
  d.most = d.least * pick<true_time>(r, {2, 4, 20});
  d.most = std::min(d.most, std::max(2 * d.least, s.lease() / 12));
  d.spike = pick<true_time>(r, {s.lease() / 4, s.lease(), 3 * s.lease()});
  d.spikes = pick<std::int64_t>(r, {0, 2'000, 50'000});
  const auto chances = {std::int64_t{0}, std::int64_t{0}, std::int64_t{5'000}, std::int64_t{60'000},
                        std::int64_t{250'000}};
  s.fail_before = pick(r, chances);
  s.unknown = pick(r, chances);
  s.silent = pick(r, chances);
  s.late = pick(r, chances);
  s.conflict = pick(r, chances);
}

void draw_timers_and_handlers(random& r, swarm& s) {
  s.timer.least = microsecond;
  s.timer.most = pick<true_time>(r, {50 * microsecond, millisecond, 5 * millisecond});
  s.timer.spike = 2 * s.node.membership.probe_period.count();
  s.timer.spikes = pick<std::int64_t>(r, {0, 0, 100, 2'000});
  s.timer_early = pick<std::int64_t>(r, {0, 0, 50'000});
  s.handler.least = 10 * microsecond;
  s.handler.most = pick<true_time>(r, {millisecond, 20 * millisecond, s.lease() / 4});
  s.handler.spike = 2 * s.lease();
  s.handler.spikes = pick<std::int64_t>(r, {0, 20'000, 200'000});
  s.handler_inline = pick<std::int64_t>(r, {0, 300'000, 1'000'000});
  s.handler_fails = pick<std::int64_t>(r, {0, 50'000});
  s.handler_queue = pick<std::uint32_t>(r, {1024, 1024, 2});
  s.handler_workers = pick<std::uint32_t>(r, {1, 4});
  s.call_gap = pick<true_time>(r, {second / 3, second, 4 * second});
}

void draw_faults(random& r, swarm& s) {
  s.fault_gap = pick<true_time>(r, {second / 2, second, 3 * second, 8 * second, 20 * second});
  for (std::size_t i = 0; i < drawn_kinds; ++i)
    s.strikes.at(i) = r.chance(0.5);
  const auto forbid = [&](fault kind) { s.strikes[static_cast<std::size_t>(kind)] = false; };
  if (s.boot_scale) {
    // One machine: its clock can't lie, its hosts can't fail one by one.
    for (const fault kind : {fault::power_loss, fault::clock_unknown, fault::clock_disrupted,
                             fault::clock_wide, fault::clock_error_moved})
      forbid(kind);
  } else {
    forbid(fault::reboot);
  }
  if (!r.chance(0.5)) {
    // Most users' stores never lose a commit.
    for (const fault kind :
         {fault::store_promoted, fault::store_sibling, fault::lease_row_rolled_back,
          fault::view_row_rolled_back, fault::lease_row_deleted, fault::store_restored,
          fault::store_truncated})
      forbid(kind);
  }
  // The file of one machine has no replicas.
  if (s.boot_scale && r.chance(0.5)) {
    for (const fault kind : {fault::store_promoted, fault::store_sibling, fault::store_restored,
                             fault::store_truncated})
      forbid(kind);
  }
  // A creator that has never seen the group's LMAX can't wait for it (R8).
  if (s.leases_differ) {
    forbid(fault::lease_row_deleted);
    forbid(fault::store_truncated);
    forbid(fault::store_restored);
  }
  // Tokens outgrow a lost commit by the hint alone (R5); a deleted row of a group by its views,
  // too.
  const bool loses = s.has(fault::store_promoted) || s.has(fault::reboot) ||
                     s.has(fault::store_restored) || s.has(fault::store_truncated);
  s.hint_lies = s.boot_scale && !loses && r.chance(0.5);
}

// From a sequence of its own: runs without locks are what they were before there were any.
void draw_locks(swarm& s) {
  random r(base::mix(s.seed ^ 0x10c5ULL));
  if (r.chance(0.5)) return;
  s.locks = static_cast<std::uint32_t>(r.between(1, 3));
  if (s.has(fault::lease_row_deleted)) s.hint_lies = false;  // locks have no views
  s.lock_clients = s.nodes <= 4 && r.chance(0.3) ? 2 : 1;
  s.lock_gap = pick<true_time>(r, {s.lease() / 8, s.lease() / 2, 2 * s.lease()});
}

// As for locks.
void draw_streams(swarm& s) {
  random r(base::mix(s.seed ^ 0x57ea3ULL));
  if (r.chance(0.5)) return;
  s.streams = true;
  s.stream_gap = pick<true_time>(r, {second / 2, 2 * second, 6 * second});
  s.node.payload_bytes_max = pick(r, {limits::payload_bytes_default, std::size_t{300'000}});
  s.node.stream_windows_bytes =
      pick(r, {limits::stream_windows_max, limits::stream_windows_max, std::size_t{700'000}});
}

// As for locks.
void draw_clients(swarm& s) {
  random r(base::mix(s.seed ^ 0xc11e47ULL));
  if (r.chance(0.5)) return;
  s.clients = static_cast<std::uint32_t>(r.between(1, 3));
  ++s.slots;
}

}  // namespace

swarm calm_swarm() {
  swarm s;
  s.nodes = 3;
  s.slots = 4;
  s.node.lease.lease = seconds{3};
  s.node.lease.max_error = milliseconds{10};
  s.node.membership.probe_period = milliseconds{100};
  s.link = {100 * microsecond, 300 * microsecond, 0, 0};
  s.statement = {200 * microsecond, 600 * microsecond, 0, 0};
  s.timer = {microsecond, 50 * microsecond, 0, 0};
  s.handler = {10 * microsecond, 100 * microsecond, 0, 0};
  s.width_max_us = 1'000;
  s.call_gap = second;
  s.fault_gap = forever;
  return s;
}

swarm draw_swarm(std::uint64_t seed) {
  random r(base::mix(seed ^ 0x5eed0f7e57ULL));
  swarm s;
  s.seed = seed;
  s.boot_scale = r.chance(0.25);
  draw_nodes(r, s);
  draw_lease(r, s);
  draw_membership(r, s);
  draw_clocks(r, s);
  draw_network(r, s);
  draw_store(r, s);
  draw_timers_and_handlers(r, s);
  draw_faults(r, s);
  draw_locks(s);
  draw_streams(s);
  draw_clients(s);
  return s;
}

std::string describe(const swarm& s) {
  std::string faults;
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    if (s.strikes[i]) faults += fmt::format(" {}", to_string(static_cast<fault>(i)));
  }
  return fmt::format(
      "{} nodes, {} locks, {} clients, {}streams, scale {}, lease {} ms, max error {} us (width to "
      "{} us), "
      "probes each {} "
      "ms, {} "
      "observers at most, store {}..{} us, a fault each {} ms or so of:{}",
      s.nodes, s.locks, s.clients, s.streams ? "" : "no ", s.boot_scale ? "boot" : "utc",
      s.lease() / millisecond, s.node.lease.max_error.count(), s.width_max_us,
      s.node.membership.probe_period.count() / millisecond, s.node.membership.observers_max,
      s.statement.least / microsecond, s.statement.most / microsecond, s.fault_gap / millisecond,
      faults);
}

}  // namespace hedgerow::sim
