#include "core/messaging/test_streams.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

namespace hedgerow::core {
namespace {

constexpr std::size_t length_size = message::stream_length_bytes;

std::string framed(std::string_view message) {
  std::string out;
  message::append_stream_length(out, message.size());
  return out.append(message);
}

}  // namespace

test_group::test_group(std::size_t nodes, std::size_t connection_bytes,
                       std::size_t message_bytes_max)
    : connection_bytes_(connection_bytes) {
  for (std::size_t i = 0; i < nodes; ++i) {
    auto& n = nodes_.emplace_back(
        streams::settings{"node" + std::to_string(i), message_bytes_max, connection_bytes});
    n.self = {i + 1, 100 + i};
    n.may.member = true;
    n.may.view_token = 6;
  }
  lead(0, 7);
}

target test_group::target_of(std::size_t i) const {
  return {"node" + std::to_string(i), "host:" + std::to_string(i), nodes_.at(i).self};
}

void test_group::lead(std::size_t i, fencing_token token) {
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    know(n, i);
    act(n, n == i ? token : 0);
  }
}

void test_group::act(std::size_t i, fencing_token token) {
  auto& n = node(i);
  if (std::exchange(n.may.acting, token) != token) n.core.on_acting(now, token, n.out);
  drain(i);
}

void test_group::know(std::size_t i, std::optional<std::size_t> leader) {
  auto& n = node(i);
  n.may.leader = leader ? node(*leader).self : incarnation{};
  n.may.leader_address = leader ? target_of(*leader).address : "";
  n.core.on_leader(now, leader ? std::optional(target_of(*leader)) : std::nullopt, n.out);
  drain(i);
}

test_end test_group::open(std::size_t from, std::optional<std::size_t> to, stream_request with) {
  auto& n = node(from);
  const test_end e{from, n.core.new_id()};
  if (to) {
    with.kind = message::request_kind::broadcast;
    with.to = target_of(*to);
  }
  if (with.opening_deadline == boot_time{}) with.opening_deadline = now + seconds{5};
  with.metadata["end"] = std::to_string(e.id);
  with.metadata["node"] = std::to_string(from);
  n.users[e.id].reads = n.reads;
  n.core.open(now, e.id, std::move(with), n.out);
  drain(from);
  return e;
}

void test_group::write(const test_end& e, std::string_view message) {
  write_cut(e, message, SIZE_MAX);
}

void test_group::write_of(const test_end& e, std::size_t size) {
  std::string message(size, static_cast<char>('a' + user(e).written.size() % 26));
  const auto number = std::to_string(user(e).written.size());
  message.replace(0, std::min(number.size(), size), number, 0, std::min(number.size(), size));
  write(e, message);
}

void test_group::write_cut(const test_end& e, std::string_view message, std::size_t piece_size) {
  auto& u = user(e);
  auto& n = node(e.node);
  const auto bytes = make_bytes(framed(message));
  if (!u.finish && !u.end) {
    u.written.push_back(make_bytes(message));
    u.written_bytes += bytes->size();
  }
  slice rest(bytes);
  while (!rest.empty()) {
    const auto count = std::min(piece_size, rest.size());
    const slice part = rest.first(count);
    rest.remove_prefix(count);
    n.core.write(now, e.id, part, rest.empty() ? 1 : 0, n.out);
    drain(e.node);
  }
}

void test_group::finish(const test_end& e) {
  user(e).finish = true;
  node(e.node).core.finish(now, e.id, node(e.node).out);
  drain(e.node);
}

void test_group::cancel(const test_end& e, const std::string& why, message::stream_code code) {
  node(e.node).core.cancel(now, e.id, code, why, node(e.node).out);
  drain(e.node);
}

void test_group::consume(const test_end& e, std::uint64_t messages) {
  auto& u = user(e);
  std::size_t size = 0;
  std::uint64_t count = 0;
  for (; count < messages && !u.unread.empty(); ++count) {
    size += u.unread.front();
    u.unread.pop_front();
  }
  if (count == 0) return;
  if (!u.end) {
    u.consumed += count;
    u.consumed_bytes += size + length_size * count;
  }
  node(e.node).core.consumed(now, e.id, count, size, node(e.node).out);
  drain(e.node);
}

void test_group::forge(const test_end& to, message::any what) {
  const auto connection = user(to).connection;
  for (const auto& [key, id] : by_wire_) {
    if (std::get<0>(key) != to.node || id != to.id) continue;
    std::visit(
        [&, wire = std::get<2>(key)](auto& m) {
          if constexpr (requires { m.stream; }) m.stream = wire;
        },
        what);
  }
  hand_over(to.node, connection, std::move(what));
}

bool test_group::leave(const way& w) {
  const auto at = links_.find(w.connection);
  if (at == links_.end()) return false;
  auto& d = at->second.ways.at(w.up ? 0 : 1);
  if (!d.control.empty()) {
    d.flight.push_back(std::move(d.control.front()));
    d.control.pop_front();
    return true;
  }
  if (d.data.empty() || !lane_open) return false;
  const auto* data = std::get_if<message::stream_data>(&d.data.front());
  const std::size_t size = data != nullptr ? data->data.size() : 0;
  d.flight.push_back(std::move(d.data.front()));
  d.data.pop_front();
  if (size > 0) {
    const auto sender = w.up ? at->second.from : at->second.to;
    node(sender).core.on_drained(now, w.connection, size, node(sender).out);
    drain(sender);
  }
  return true;
}

bool test_group::deliver(const way& w) {
  const auto at = links_.find(w.connection);
  if (at == links_.end()) return false;
  auto& d = at->second.ways.at(w.up ? 0 : 1);
  if (d.flight.empty()) return false;
  auto what = std::move(d.flight.front());
  d.flight.pop_front();
  hand_over(w.up ? at->second.to : at->second.from, w.connection, std::move(what));
  return true;
}

std::vector<test_group::way> test_group::ways() const {
  std::vector<way> all;
  for (const auto& [id, c] : links_) {
    all.push_back({id, true});
    all.push_back({id, false});
  }
  return all;
}

void test_group::cut(std::uint64_t connection) {
  const auto at = links_.find(connection);
  if (at == links_.end()) return;
  const auto ends = {at->second.from, at->second.to};
  links_.erase(at);
  for (const auto& [key, id] : by_wire_)
    if (std::get<1>(key) == connection) not_taken(std::get<0>(key), connection, std::get<2>(key));
  for (const auto i : ends) {
    node(i).core.on_connection_gone(now, connection, "cut", node(i).out);
    EXPECT_EQ(node(i).core.promised(connection), 0U);
    drain(i);
  }
}

void test_group::settle() {
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& w : ways())
      while (leave(w) || deliver(w))
        moved = true;
  }
  check();
}

void test_group::pass(nanoseconds time) {
  const boot_time until = now + time;
  for (;;) {
    settle();
    boot_time next = boot_time::never();
    for (const auto& n : nodes_)
      next = std::min(next, n.core.next_wake());
    if (next > until) break;
    now = std::max(now, next);
    tick_all();
  }
  now = until;
}

void test_group::tick_all() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    node(i).core.tick(now, node(i).out);
    EXPECT_GT(node(i).core.next_wake(), now);
    drain(i);
  }
}

std::pair<test_end, test_end> test_group::opened(std::size_t from, stream_request with) {
  const auto e = open(from, {}, std::move(with));
  settle();
  EXPECT_TRUE(user(e).open);
  return {e, other(e)};
}

std::error_code test_group::error_of(const test_end& e) {
  const auto& end = user(e).end;
  if (!end || end->outcome) return {};
  return end->outcome.error().code;
}

bool test_group::ended_well(const test_end& e) {
  const auto& u = user(e);
  return u.end && u.end->outcome && u.end->acknowledged == u.written.size() && u.finished &&
         u.unread.empty();
}

std::size_t test_group::frames_waiting() const {
  std::size_t count = 0;
  for (const auto& [id, c] : links_)
    for (const auto& d : c.ways)
      count += d.control.size() + d.data.size() + d.flight.size();
  return count;
}

void test_group::check() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    check_budget(i);
    for (const auto& [id, u] : nodes_[i].users) {
      EXPECT_LE(u.taken, u.written_bytes);
      if (!u.other) continue;
      const auto& o = user(*u.other);
      EXPECT_LE(u.acknowledged, o.consumed) << "of node " << i << ", end " << id;
      EXPECT_LE(u.end ? u.end->acknowledged : 0, o.consumed);
      EXPECT_LE(u.received, o.written.size());
    }
  }
}

void test_group::check_budget(std::size_t i) {
  std::map<std::uint64_t, std::size_t> owed;
  std::size_t live = 0;
  for (const auto& [id, u] : nodes_[i].users) {
    if (u.end) continue;
    ++live;
    if (u.connection == 0) continue;
    EXPECT_LE(u.arrived, u.limit);
    owed[u.connection] += u.limit - std::min<std::uint64_t>(u.limit, u.consumed_bytes);
  }
  EXPECT_EQ(nodes_[i].core.open(), live);
  for (const auto& [connection, bytes] : owed) {
    EXPECT_LE(bytes, nodes_[i].core.promised(connection));
    EXPECT_LE(nodes_[i].core.promised(connection), connection_bytes_);
  }
}

}  // namespace hedgerow::core
