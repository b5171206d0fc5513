#include "sim/client.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "sim/delay.h"

namespace hedgerow::sim {

client::client(const client_surroundings& around, std::uint32_t number, std::uint32_t on_slot)
    : in_(around), random_(base::mix(around.with.seed ^ (0xc11e0000ULL + number))) {
  id = number;
  slot = on_slot;
  // Clients have no names.
  in_.all.born(id, slot, {}, in_.world.now);
  in_.streams.windows.is_client(id);
  // std::make_unique could not see the bases, which are private.
  engine::client_engine::ports_in_use ports{*this, *this, *this, *this};
  engine_.reset(new engine::client_engine(ports, *this, *this, in_.with.node.payload_bytes_max,
                                          base::mix(in_.with.seed ^ (0xc11e70000ULL + number))));
  transport_news = engine_.get();
  streams_ = std::make_unique<stream_users>(in_.streams, *this, *engine_,
                                            [this] { return engine_->view(); });
}

void client::start() {
  if (in_.world.trace.wants(detail::transitions))
    in_.world.trace.say(in_.world.now, fmt::format("p{} is a client on host {}", id, slot));
  in_.world.plan(in_.world.now + random_.between(0, 2 * in_.with.call_gap), event_kind::client_work,
                 id);
  engine_->start();
  streams_->start();
}

void client::stop() {
  engine_->stop();
  in_.calls.on_stopped(id);
  in_.streams.checker.on_stopped(id);
}

void client::end() {
  alive = false;
  in_.calls.on_gone(id);
  in_.streams.checker.on_gone(id);
  in_.all.died(id, in_.world.now);
  transport_news = nullptr;
  streams_.reset();
  engine_.reset();
}

void client::take(const event& e) {
  if (e.kind == event_kind::wake) {
    if (e.a == wake_generation_) engine_->on_wake();
  } else if (e.kind == event_kind::client_look) {
    look_for_nodes();
  } else if (e.kind == event_kind::client_work) {
    work();
  } else if (is_stream(e.kind)) {
    streams_->take(e);
  } else {
    in_.network.deliver(*this, e);
  }
  in_.streams.windows.settle();
}

void client::wake_at(boot_time at) {
  ++wake_generation_;
  if (at == boot_time::never()) return;
  const auto late = draw_timer(random_, in_.with.timer, in_.with.timer_early);
  const true_time t =
      std::max(in_.clocks.when_boot(slot, at) + late.length, in_.world.now + microsecond);
  if (late.spiked) in_.all.disturb(id, t);
  in_.world.plan(t, event_kind::wake, id, wake_generation_);
}

// The answer comes later, as from a store or a resolver, and may name nobody who is there.
void client::on_addresses_wanted() {
  in_.world.plan(in_.world.now + random_.between(millisecond, 200 * millisecond),
                 event_kind::client_look, id);
}

void client::look_for_nodes() {
  std::vector<std::string> found;
  if (in_.streams.peace || !random_.chance(0.1)) {
    const auto first = random_.below(in_.with.nodes);
    for (std::uint32_t i = 0; i < in_.with.nodes; ++i)
      found.push_back(address_of(static_cast<std::uint32_t>((first + i) % in_.with.nodes)));
  }
  engine_->offer(found);
}

void client::work() {
  auto& k = in_.world;
  k.plan(k.now + random_.between(0, 2 * in_.with.call_gap), event_kind::client_work, id);
  const true_time lease = in_.with.lease();
  const true_time patiences[] = {5 * millisecond, 100 * millisecond, lease, 3 * lease};
  const boot_time deadline =
      in_.clocks.boot_at(slot, k.now) + nanoseconds{patiences[random_.below(std::size(patiences))]};
  const true_time until = in_.clocks.when_boot(slot, deadline);
  if (random_.chance(0.7)) {
    const auto call = in_.calls.begin(id, message::request_kind::send, until, {});
    engine_->send(call, make_bytes(calls_checker::payload_of(call)), deadline);
    return;
  }
  std::vector<incarnation> asked;
  const view_ptr seen = engine_->view();
  for (const auto& m : seen->members)
    asked.push_back(m.incarnation);
  const auto call = in_.calls.begin(id, message::request_kind::broadcast, until, std::move(asked));
  engine_->broadcast(call, make_bytes(calls_checker::payload_of(call)), deadline);
}

void client::on_view(const view_change& change) {
  const auto& seen = change.current->id;
  if (seen <= newest_)
    in_.world.violated("views", fmt::format("client p{} went back in views", id));
  newest_ = seen;
  streams_->on_view(change);
}

void client::on_stream_offered(core::stream_id, core::stream_offer&&) {
  in_.world.violated("streams", fmt::format("client p{} was offered a stream", id));
}

}  // namespace hedgerow::sim
