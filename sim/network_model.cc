#include "sim/network_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/delay.h"
#include "sim/describe.h"

namespace hedgerow::sim {
namespace {

using ports::dial_failure;

constexpr std::uint32_t no_slot = UINT32_MAX;
// Until a kernel finds that nobody answers on a connection on which nothing is sent. The product's
// is 90 s; here a peace would be spent with waiting for it.
constexpr true_time keepalive = 40 * second;

std::uint32_t slot_of(const std::string& address) {
  // "nodeK:7400"
  const auto colon = address.find(':');
  if (colon == std::string::npos || colon < 5) return no_slot;
  std::uint32_t slot = 0;
  for (std::size_t i = 4; i < colon; ++i)
    slot = slot * 10 + static_cast<std::uint32_t>(address[i] - '0');
  return slot;
}

}  // namespace

std::string address_of(std::uint32_t slot) {
  return fmt::format("node{}:7400", slot);
}

network_model::network_model(kernel& world, const swarm& with, router& processes)
    : world_(world),
      with_(with),
      processes_(processes),
      random_(base::mix(with.seed ^ 0x4e7ULL)),
      paths_(with.slots) {}

true_time network_model::link_delay(std::uint32_t from, std::uint32_t to) {
  if (healed_) return random_.between(with_.link.least, with_.link.most);
  const auto d = draw_delay(random_, with_.link);
  if (d.spiked) {
    world_.tally.hit(fault::latency_spike);
    paths_.disturb(from, to, world_.now + d.length);
  }
  return d.length;
}

// What is more urgent may overtake, nothing overtakes its like. The end comes behind all.
void network_model::push_in_order(std::uint64_t receiving_side, event_kind kind, std::uint64_t b,
                                  message::lane in, true_time leaves) {
  auto& c = of(receiving_side);
  const unsigned to = side_of(receiving_side);
  const unsigned from = 1 - to;
  true_time at = leaves + link_delay(c.slot[from], c.slot[to]);
  at = std::max(at, c.last_control[from]);
  const bool end = kind == event_kind::closed;
  if (in != message::lane::control || end) at = std::max(at, c.last_bulk[from]);
  if (in == message::lane::streams || end) at = std::max(at, c.last_stream[from]);
  const std::array all{&c.last_control, &c.last_bulk, &c.last_stream};
  (*all.at(static_cast<std::size_t>(in)))[from] = at;
  world_.plan(at, kind, c.process[to], receiving_side, b);
}

// Data of streams waits for its turn on the link: mostly for moments, at times for so long that its
// lane is full.
true_time network_model::leaving_time(std::uint64_t side, const message::any& what) {
  auto& c = of(side);
  const unsigned me = side_of(side);
  const auto* data = std::get_if<message::stream_data>(&what);
  if (data == nullptr) return std::max(world_.now, c.last_drained[me]);
  const bool slow = !healed_ && random_.chance(0.02);
  true_time wait = random_.between(0, slow ? 300 * millisecond : millisecond / 2);
  if (!healed_ && random_.chance(0.0005)) {
    wait = random_.between(second, 8 * second);
    world_.tally.hit(fault::stream_lane_stuck);
  }
  c.last_drained[me] = std::max(world_.now, c.last_drained[me]) + wait;
  c.undrained[me] += data->data.size();
  if (c.undrained[me] > limits::stream_lane_bytes_max) {
    world_.violated("streams", fmt::format("p{} has queued {} bytes of stream data on #{}",
                                           c.process[me], c.undrained[me], side));
  }
  world_.plan(c.last_drained[me], event_kind::drained, c.process[me], side, data->data.size());
  return c.last_drained[me];
}

std::uint64_t network_model::keep(const message::any& what) {
  if (pool_free_.empty()) {
    pool_free_.push_back(pool_.size());
    pool_.emplace_back();
  }
  const auto index = pool_free_.back();
  pool_free_.pop_back();
  pool_[index] = what;
  if (auto* data = std::get_if<message::stream_data>(&pool_[index])) {
    data->data = data->data.kept();
  }
  return index;
}

void network_model::assume(endpoint& who, const ports::peer& self) {
  close_all_of(who, true);
  who.self = self;
  who.listening = self.role == ports::peer_role::member;
  for (std::uint32_t s = 0; s < with_.slots; ++s)
    if (s != who.slot) paths_.disturb(who.slot, s, world_.now);
}

void network_model::close_all_of(endpoint& who, bool tell) {
  if (who.id >= sides_of_process_.size()) return;
  const auto sides = std::move(sides_of_process_[who.id]);
  sides_of_process_[who.id].clear();
  for (const auto side : sides) {
    auto& c = of(side);
    const unsigned me = side_of(side);
    const bool was = c.open[me];
    c.open[me] = false;
    if (me == 0) c.dial = stage::over;
    if (tell && (was || c.open[1 - me])) tell_closed(other_side(side));
    if (!tell && c.open[1 - me]) find_dead(other_side(side));
  }
}

void network_model::vanish(endpoint& who, bool with_host) {
  who.listening = false;
  close_all_of(who, !with_host);
}

ports::connection_id network_model::dial(endpoint& who, const std::string& address,
                                         const incarnation& expected, nanoseconds patience) {
  const std::uint64_t index = connections_.size();
  auto& c = connections_.emplace_back();
  const auto id = side_id(index, 0);
  c.process[0] = who.id;
  c.slot[0] = who.slot;
  c.slot[1] = slot_of(address);
  c.dialer = who.self;
  c.expected = expected;
  c.deadline = world_.now + patience.count();
  if (who.id >= sides_of_process_.size()) sides_of_process_.resize(who.id + 1);
  sides_of_process_[who.id].push_back(id);
  if (c.slot[1] >= with_.slots) {
    fail_dial(id, dial_failure::silent);
  } else if (!healed_ && chance_ppm(random_, with_.own_host_errors)) {
    world_.tally.hit(fault::own_host_error);
    paths_.disturb(c.slot[0], c.slot[1], world_.now);
    fail_dial(id, dial_failure::silent);
  } else {
    world_.plan(world_.now + link_delay(c.slot[0], c.slot[1]), event_kind::dial_arrives, 0, id);
    world_.plan(c.deadline, event_kind::dial_deadline, 0, id);
  }
  return id;
}

void network_model::fail_dial(std::uint64_t side, dial_failure why) {
  auto& c = of(side);
  const true_time at = std::max(world_.now + link_delay(c.slot[0], c.slot[0]), c.last_control[1]);
  c.last_control[1] = at;
  world_.plan(at, event_kind::dial_failed, c.process[0], side, static_cast<std::uint64_t>(why));
}

void network_model::on_dial_arrives(const event& e) {
  auto& c = of(e.a);
  if (c.dial != stage::dialing) return;
  const bool there = paths_.open(c.slot[0], c.slot[1]) && paths_.open(c.slot[1], c.slot[0]);
  if (!there || !processes_.host_up(c.slot[1])) {
    // The kernel tries again until the deadline.
    const true_time again = world_.now + random_.between(50 * millisecond, second);
    if (again < c.deadline) world_.plan(again, event_kind::dial_arrives, 0, e.a);
    return;
  }
  endpoint* at = processes_.at_slot(c.slot[1]);
  if (at == nullptr || !at->listening) {
    fail_dial(e.a, dial_failure::refused);
    return;
  }
  event shake = e;
  shake.kind = event_kind::handshake;
  shake.target = at->id;
  processes_.hand_over(*at, shake);
}

// The process behind the address reads who dials, and whom they expect.
void network_model::on_handshake(endpoint& at, const event& e) {
  auto& c = of(e.a);
  if (c.dial != stage::dialing) return;
  c.process[1] = at.id;
  c.acceptor = at.self;
  if (!c.expected.empty() && c.expected != at.self.incarnation) {
    fail_dial(e.a, dial_failure::other_incarnation);
    return;
  }
  const auto mine = e.a + 1;
  c.dial = stage::answered;
  c.open[1] = true;
  if (at.id >= sides_of_process_.size()) sides_of_process_.resize(at.id + 1);
  sides_of_process_[at.id].push_back(mine);
  push_in_order(e.a, event_kind::opened, 0, message::lane::control, world_.now);
  at.transport_news->on_open(mine, c.dialer);
}

// The lane of streams has no end that its sender would meet.
bool network_model::counts_in_flight(const event& e) const {
  return e.kind == event_kind::message && message::lane_of(pool_[e.b]) != message::lane::streams;
}

bool network_model::send(endpoint& who, ports::connection_id id, const message::any& what) {
  if (id < 2 || id / 2 > connections_.size()) return false;
  auto& c = of(id);
  const unsigned me = side_of(id);
  if (!c.open[me] || c.process[me] != who.id) return false;
  const message::lane in = message::lane_of(what);
  if (in != message::lane::streams && c.in_flight[me] >= with_.queue_max) {
    world_.tally.hit(fault::queue_full);
    paths_.disturb(c.slot[0], c.slot[1], world_.now);
    return false;
  }
  if (in != message::lane::streams) ++c.in_flight[me];
  ++messages_;
  if (watcher_ != nullptr) watcher_->on_carried(who.id, id, what);
  const true_time leaves = in == message::lane::streams ? leaving_time(id, what) : world_.now;
  push_in_order(other_side(id), event_kind::message, keep(what), in, leaves);
  return true;
}

void network_model::close(endpoint& who, ports::connection_id id) {
  if (id < 2 || id / 2 > connections_.size()) return;
  auto& c = of(id);
  const unsigned me = side_of(id);
  if (c.process[me] != who.id) return;
  if (me == 0) c.dial = stage::over;
  const bool was = c.open[me];
  c.open[me] = false;
  if (was || c.open[1 - me]) tell_closed(other_side(id));
  std::erase(sides_of_process_[who.id], id);
}

void network_model::tell_closed(std::uint64_t side) {
  push_in_order(side, event_kind::closed, 0, message::lane::control, world_.now);
}

// A break, unlike an end that is told, does not wait for what is still to be sent.
void network_model::end_at(true_time at, std::uint64_t side) {
  world_.plan(at, event_kind::closed, of(side).process[side_of(side)], side);
}

void network_model::find_dead(std::uint64_t side) {
  if (!with_.streams) return;  // calls have deadlines; runs without streams are what they were
  world_.plan(world_.now + random_.between(keepalive / 4, keepalive), event_kind::closed,
              of(side).process[side_of(side)], side, 1);
}

// Bytes for a connection that their receiver does not know (any more).
void network_model::reset_from(std::uint64_t receiving_side) {
  auto& c = of(receiving_side);
  const unsigned me = side_of(receiving_side);
  if (!c.open[1 - me]) return;
  paths_.disturb(c.slot[0], c.slot[1], world_.now);
  end_at(world_.now + link_delay(c.slot[me], c.slot[1 - me]), other_side(receiving_side));
}

// What a host gets: held back by a cut, lost, or for its process.
bool network_model::arrives(const event& e) {
  auto& c = of(e.a);
  const unsigned me = side_of(e.a);
  const unsigned from = 1 - me;
  if (!paths_.open(c.slot[from], c.slot[me]) || !c.stalled[from].empty()) {
    c.stalled[from].push_back(e);
    return false;
  }
  if (counts_in_flight(e)) --c.in_flight[from];
  if (!processes_.host_up(c.slot[me])) {
    discard(e);
    return false;
  }
  if (c.broken && e.kind == event_kind::message) {
    discard(e);
    return false;
  }
  const bool known = c.open[me] || (me == 0 && c.dial == stage::answered);
  if (!known || !processes_.endpoint_of(c.process[me]).alive) {
    if (e.kind != event_kind::closed) reset_from(e.a);
    discard(e);
    return false;
  }
  return true;
}

void network_model::on_event(const event& e) {
  if (e.kind == event_kind::dial_arrives) {
    on_dial_arrives(e);
  } else if (e.kind == event_kind::dial_deadline) {
    if (of(e.a).dial != stage::over && !of(e.a).open[0]) {
      world_.tally.hit(fault::dial_silent);
      fail_dial(e.a, dial_failure::silent);
    }
  } else if (e.kind == event_kind::flow) {
    flow(e.a, static_cast<unsigned>(e.b));
  } else if (e.kind == event_kind::heal_cut) {
    end_cut(cuts_[e.a]);
  } else if (e.kind == event_kind::drained || e.kind == event_kind::retired) {
    if (of(e.a).open[side_of(e.a)]) processes_.hand_over(processes_.endpoint_of(e.target), e);
  } else if (arrives(e)) {
    processes_.hand_over(processes_.endpoint_of(e.target), e);
  }
}

void network_model::deliver(endpoint& to, const event& e) {
  if (e.kind == event_kind::handshake) {
    on_handshake(to, e);
  } else if (e.kind == event_kind::opened) {
    auto& c = of(e.a);
    if (c.dial != stage::answered || c.open[0]) return;
    c.open[0] = true;
    to.transport_news->on_open(e.a, c.acceptor);
  } else if (e.kind == event_kind::dial_failed) {
    on_dial_failed(to, e);
  } else if (e.kind == event_kind::message) {
    on_message(to, e);
  } else if (e.kind == event_kind::drained) {
    on_drained(to, e);
  } else if (e.kind == event_kind::retired) {
    if (of(e.a).open[side_of(e.a)]) to.transport_news->on_retired(e.a);
  } else {
    auto& c = of(e.a);
    if (!c.open[side_of(e.a)]) return;
    c.open[side_of(e.a)] = false;
    if (e.b != 0) paths_.disturb(c.slot[0], c.slot[1], world_.now);
    // A dialler that was never told of its connection has its deadline.
    if (side_of(e.a) == 0) c.dial = stage::over;
    std::erase(sides_of_process_[to.id], e.a);
    to.transport_news->on_closed(e.a, "simulated");
  }
}

void network_model::on_dial_failed(endpoint& to, const event& e) {
  auto& c = of(e.a);
  if (c.dial == stage::over || c.open[0]) return;
  const bool answered = c.dial == stage::answered;
  c.dial = stage::over;
  std::erase(sides_of_process_[to.id], e.a);
  // The other end believes in it, and is told that nobody is there.
  if (answered && c.open[1]) tell_closed(e.a + 1);
  const auto why = static_cast<dial_failure>(e.b);
  std::optional<ports::peer> actual;
  if (why == dial_failure::other_incarnation) actual = c.acceptor;
  if (actual) world_.tally.hit(fault::dial_other);
  if (why == dial_failure::refused) world_.tally.hit(fault::dial_refused);
  to.transport_news->on_dial_failed(e.a, why, actual, "simulated");
}

void network_model::on_message(endpoint& to, const event& e) {
  auto& c = of(e.a);
  if (!c.open[side_of(e.a)]) {
    discard(e);
    return;
  }
  message::any what = std::move(pool_[e.b]);
  pool_free_.push_back(e.b);
  if (world_.trace.wants(detail::messages))
    world_.trace.say(world_.now, fmt::format("p{} -> p{} #{} {}", c.process[1 - side_of(e.a)],
                                             to.id, e.a, describe(what)));
  if (watcher_ != nullptr) watcher_->on_handed(e.a, what);
  hand_over(to, e.a, std::move(what));
}

void network_model::hand_over(endpoint& to, std::uint64_t side, message::any&& what) {
  if (const auto* data = std::get_if<message::stream_data>(&what)) {
    hand_over_data(to, side, *data);
  } else {
    to.transport_news->on_message(side, std::move(what));
  }
}

// Borrowed, and in pieces as a receive may cut it. In some runs each is gone when the call is over,
// so that whoever keeps it is found out; a copy each time would cost a tenth of all runs.
void network_model::hand_over_data(endpoint& to, std::uint64_t side,
                                   const message::stream_data& what) {
  std::string_view left = what.data.text;
  while (!left.empty() && of(side).open[side_of(side)]) {
    const bool whole = left.size() == 1 || random_.chance(0.7);
    const std::size_t count = whole ? left.size() : 1 + random_.below(left.size() - 1);
    const std::string_view piece = left.substr(0, count);
    left.remove_prefix(count);
    if (with_.seed % 8 != 0) {
      to.transport_news->on_message(side, message::stream_data{what.stream, slice(nullptr, piece)});
    } else {
      const std::string gone_soon(piece);
      to.transport_news->on_message(side,
                                    message::stream_data{what.stream, slice(nullptr, gone_soon)});
    }
  }
}

void network_model::on_drained(endpoint& to, const event& e) {
  auto& c = of(e.a);
  if (!c.open[side_of(e.a)]) return;
  c.undrained[side_of(e.a)] -= e.b;
  to.transport_news->on_drained(e.a, e.b);
}

void network_model::discard(const event& e) {
  if (e.kind == event_kind::message) pool_free_.push_back(e.b);
}

void network_model::cut(std::vector<std::pair<std::uint32_t, std::uint32_t>> ways,
                        true_time for_long) {
  for (const auto& [from, to] : ways)
    paths_.cut(from, to, world_.now);
  cuts_.push_back({std::move(ways), world_.now, false});
  world_.plan(world_.now + for_long, event_kind::heal_cut, 0, cuts_.size() - 1);
}

void network_model::end_cut(cut_record& c) {
  if (c.over) return;
  c.over = true;
  for (const auto& [from, to] : c.ways)
    paths_.mend(from, to, world_.now);
  // The kernels back off up to the length of the silence before they try again.
  const true_time longest = std::min<true_time>(world_.now - c.since, 3 * second);
  for (std::uint64_t i = 0; i < connections_.size(); ++i) {
    for (unsigned d = 0; d < 2; ++d) {
      auto& k = connections_[i];
      if (k.stalled[d].empty() || !paths_.open(k.slot[d], k.slot[1 - d])) continue;
      const true_time at = world_.now + random_.between(0, longest);
      paths_.disturb(k.slot[0], k.slot[1], at);
      world_.plan(at, event_kind::flow, 0, i, d);
    }
  }
}

void network_model::flow(std::uint64_t index, unsigned direction) {
  auto& c = connections_[index];
  if (!paths_.open(c.slot[direction], c.slot[1 - direction])) return;
  auto held = std::move(c.stalled[direction]);
  c.stalled[direction].clear();
  if (!held.empty() && random_.chance(0.2)) {
    // Given up by the kernels of both sides: what was sent before is lost with the rest.
    c.broken = true;
    for (const auto& e : held) {
      if (counts_in_flight(e)) --c.in_flight[direction];
      discard(e);
    }
    paths_.disturb(c.slot[0], c.slot[1], world_.now + second);
    for (unsigned side = 0; side < 2; ++side)
      if (c.open[side]) end_at(world_.now, side_id(index, side));
    return;
  }
  for (const auto& e : held)
    on_event(e);
}

bool network_model::break_one(bool both_ends) {
  std::vector<std::uint64_t> live;
  for (std::uint64_t i = 0; i < connections_.size(); ++i)
    if (connections_[i].open[0] && connections_[i].open[1]) live.push_back(i);
  if (live.empty()) return false;
  const auto index = live[random_.below(live.size())];
  if (with_.streams && random_.chance(0.3)) {
    retire(index);
    return true;
  }
  auto& c = connections_[index];
  const unsigned first = random_.chance(0.5) ? 1U : 0U;
  const true_time later = world_.now + random_.between(0, second);
  paths_.disturb(c.slot[0], c.slot[1], later);
  end_at(world_.now, side_id(index, first));
  if (both_ends) {
    end_at(later, side_id(index, 1 - first));
  } else {
    find_dead(side_id(index, 1 - first));
  }
  world_.tally.hit(both_ends ? fault::break_both_ends : fault::break_one_end);
  return true;
}

// As a transport does whose secrets or certificates are new.
void network_model::retire(std::uint64_t index) {
  auto& c = connections_[index];
  const true_time later = world_.now + random_.between(second / 5, 10 * second);
  paths_.disturb(c.slot[0], c.slot[1], later);
  world_.plan(world_.now, event_kind::retired, c.process[0], side_id(index, 0));
  for (unsigned side = 0; side < 2; ++side)
    end_at(later, side_id(index, side));
  world_.tally.hit(fault::stream_connection_retired);
}

void network_model::heal() {
  healed_ = true;
  for (auto& c : cuts_)
    end_cut(c);
}

}  // namespace hedgerow::sim
