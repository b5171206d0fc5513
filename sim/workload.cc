#include "sim/workload.h"

#include <fmt/format.h>

namespace hedgerow::sim {

workload::workload(world& in) : world_(in), random_(base::mix(in.with().seed ^ 0x3012cULL)) {}

void workload::start() {
  auto& k = world_.core();
  for (std::uint32_t s = 0; s < world_.slots(); ++s)
    k.plan(k.now + random_.between(0, world_.with().call_gap), event_kind::work, s);
}

void workload::on_event(const event& e) {
  auto& k = world_.core();
  k.plan(k.now + random_.between(0, 2 * world_.with().call_gap), event_kind::work, e.target);
  process* p = world_.live_at(e.target);
  if (p == nullptr || p->paused || p->stopping()) return;
  const true_time lease = world_.with().lease();
  const true_time patiences[] = {5 * millisecond, 100 * millisecond, lease, 3 * lease};
  const true_time patience = patiences[random_.below(std::size(patiences))];
  if (random_.chance(0.7)) {
    send(*p, patience);
  } else {
    broadcast(*p, patience);
  }
}

std::uint64_t workload::send(process& from, true_time patience) {
  auto& k = world_.core();
  const boot_time deadline = world_.clocks().boot_at(from.slot, k.now) + nanoseconds{patience};
  const auto call = world_.calls().begin(from.id, message::request_kind::send,
                                         world_.clocks().when_boot(from.slot, deadline), {});
  if (k.trace.wants(detail::statements))
    k.trace.say(k.now,
                fmt::format("p{} sends call {}, {} ms", from.id, call, patience / millisecond));
  from.node().send(call, make_bytes(calls_checker::payload_of(call)), deadline);
  from.settle();
  return call;
}

void workload::broadcast(process& from, true_time patience) {
  auto& k = world_.core();
  const boot_time deadline = world_.clocks().boot_at(from.slot, k.now) + nanoseconds{patience};
  const bool skip_self = random_.chance(0.5);
  std::vector<incarnation> asked;
  const view_ptr seen = from.node().view();
  for (const auto& m : seen->members) {
    if (!skip_self || m.incarnation != from.node().incarnation()) asked.push_back(m.incarnation);
  }
  const auto call =
      world_.calls().begin(from.id, message::request_kind::broadcast,
                           world_.clocks().when_boot(from.slot, deadline), std::move(asked));
  if (k.trace.wants(detail::statements))
    k.trace.say(k.now, fmt::format("p{} broadcasts call {}", from.id, call));
  from.node().broadcast(call, make_bytes(calls_checker::payload_of(call)), deadline, skip_self);
  from.settle();
}

}  // namespace hedgerow::sim
