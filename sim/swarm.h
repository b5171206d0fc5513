#pragma once
// From a seed to everything that a run may do: each kind of fault is absent or extreme by a coin,
// and every knob of the product is drawn too. A run with everything at once hides as much as a run
// with nothing.

#include <array>
#include <cstdint>
#include <string>

#include "node/engine/options.h"
#include "sim/event.h"
#include "sim/tally.h"

namespace hedgerow::sim {

// Where in its interval a clock's reading puts the true instant.
// `split`: at one edge for half of the hosts, at the other for the rest, for the whole run.
enum class placement : std::uint8_t { edges, uniform, early, late, split };

// A delay: uniform in [least, most], or with `spikes` of a million in [most, spike].
struct delay_range {
  true_time least = 0;
  true_time most = 0;
  true_time spike = 0;
  std::int64_t spikes = 0;  // per million
};

struct swarm {
  std::uint64_t seed = 0;

  // Nodes
  std::uint32_t slots = 3;  // hosts with an address
  std::uint32_t nodes = 3;  // slots that have a process from the start
  std::uint32_t zones = 1;
  bool leases_differ = false;
  engine::options node;  // name, address and seed are each node's own

  // Clocks
  bool boot_scale = false;
  placement readings = placement::edges;
  std::int64_t width_max_us = 0;  // of a healthy interval
  std::int64_t drift_ppm_max = 0;
  bool hint_lies = false;

  // Network
  delay_range link;
  std::int64_t own_host_errors = 0;  // per million dials
  std::uint32_t queue_max = 4096;    // messages

  // Store
  delay_range statement;         // each way
  std::int64_t fail_before = 0;  // per million, as the three below
  std::int64_t unknown = 0;
  std::int64_t silent = 0;
  std::int64_t late = 0;
  std::int64_t conflict = 0;

  // Timers and handlers
  delay_range timer;
  std::int64_t timer_early = 0;  // per million
  delay_range handler;
  std::int64_t handler_inline = 0;  // per million
  std::int64_t handler_fails = 0;   // per million
  std::uint32_t handler_queue = 1024;
  std::uint32_t handler_workers = 4;

  // Locks
  std::uint32_t locks = 0;         // names
  std::uint32_t lock_clients = 1;  // of one name in each process
  true_time lock_gap = second;     // mean between two deeds of a client

  // Streams
  bool streams = false;
  true_time stream_gap = second;  // mean between two times at which a process opens some

  // Clients that are no members; the last slot is theirs.
  std::uint32_t clients = 0;

  // Workload
  true_time call_gap = second;

  // Faults that strike by themselves, with this mean gap between two.
  true_time fault_gap = 5 * second;
  std::array<bool, fault_kinds> strikes{};

  bool has(fault kind) const { return strikes[static_cast<std::size_t>(kind)]; }
  true_time lease() const { return node.lease.lease.count() * microsecond; }
  true_time max_error() const { return node.lease.max_error.count() * microsecond; }
};

swarm draw_swarm(std::uint64_t seed);
// No faults, three nodes, a lease of 3 s, prompt and exact everything: what directed schedules and
// tests start from.
swarm calm_swarm();
std::string describe(const swarm& s);

}  // namespace hedgerow::sim
