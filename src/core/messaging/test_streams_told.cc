// What the cores of a test_group ask for, carried out, and what its users are told.

#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "base/little_endian.h"
#include "core/messaging/test_streams.h"

namespace hedgerow::core {
namespace {

constexpr std::size_t length_size = message::stream_length_bytes;

const char* name_of(const message::any& what) {
  if (std::holds_alternative<message::stream_open>(what)) return "open";
  if (std::holds_alternative<message::stream_accept>(what)) return "accept";
  if (std::holds_alternative<message::stream_data>(what)) return "data";
  if (std::holds_alternative<message::stream_credit>(what)) return "credit";
  if (std::holds_alternative<message::stream_finish>(what)) return "finish";
  return "reset";
}

bool in_lane(const message::any& what) {
  return std::holds_alternative<message::stream_data>(what) ||
         std::holds_alternative<message::stream_finish>(what);
}

bool is_local(std::uint64_t connection) {
  return connection == local_opener || connection == local_acceptor;
}

}  // namespace

void test_group::drain(std::size_t i) {
  auto& n = node(i);
  if (std::exchange(n.draining, true)) return;  // what users say now comes behind
  while (!n.out.empty()) {
    auto batch = std::exchange(n.out, {});
    for (auto& e : batch)
      std::visit([&](auto& one) { carry_out(i, std::move(one)); }, e);
  }
  n.draining = false;
}

void test_group::hand_over(std::size_t i, std::uint64_t connection, message::any what) {
  auto& n = node(i);
  if (const auto* data = std::get_if<message::stream_data>(&what)) {
    hand_over_data(i, connection, *data);
    return;
  }
  if (auto* open = std::get_if<message::stream_open>(&what)) {
    n.core.on_open(now, connection, std::move(*open), n.may, n.out);
  } else if (auto* accept = std::get_if<message::stream_accept>(&what)) {
    n.core.on_accept(now, connection, std::move(*accept), n.out);
  } else if (const auto* credit = std::get_if<message::stream_credit>(&what)) {
    n.core.on_credit(now, connection, *credit, n.out);
  } else if (const auto* finish = std::get_if<message::stream_finish>(&what)) {
    n.core.on_finish(now, connection, *finish, n.out);
  } else if (auto* reset = std::get_if<message::stream_reset>(&what)) {
    not_taken(i, connection, reset->stream);
    n.core.on_reset(now, connection, std::move(*reset), n.out);
  }
  drain(i);
}

// What was promised with an open that is not answered by an accept is not owed.
void test_group::not_taken(std::size_t i, std::uint64_t connection, std::uint64_t wire) {
  const auto at = by_wire_.find({i, connection, wire});
  if (at == by_wire_.end()) return;
  auto& u = node(i).users.at(at->second);
  if (!u.open && u.connection == connection) u.connection = 0;
}

// As the transport does: in pieces, lent for the length of the call.
void test_group::hand_over_data(std::size_t i, std::uint64_t connection,
                                const message::stream_data& data) {
  auto& n = node(i);
  const auto known = by_wire_.find({i, connection, data.stream});
  const auto count = [&](std::size_t bytes) {
    if (known == by_wire_.end() || hostile) return;
    auto& u = n.users.at(known->second);
    if (!u.end) u.arrived += bytes;
  };
  if (is_local(connection)) {
    count(data.data.size());
    n.core.on_data(now, connection, message::stream_data(data), n.may.acting, n.out);
    drain(i);
    return;
  }
  for (std::string_view rest = data.data.text; !rest.empty();) {
    const std::string lent(rest.substr(0, piece));
    rest.remove_prefix(lent.size());
    count(lent.size());
    n.core.on_data(now, connection, {data.stream, slice({}, lent)}, n.may.acting, n.out);
    drain(i);
  }
}

void test_group::note_promise(std::size_t i, std::uint64_t connection, const message::any& what) {
  if (const auto* open = std::get_if<message::stream_open>(&what)) {
    const stream_id id = std::stoull(open->metadata.at("end"));
    by_wire_[{i, connection, open->stream}] = id;
    auto& u = node(i).users.at(id);
    u.connection = connection;
    u.limit = open->limit;
  } else if (const auto* accept = std::get_if<message::stream_accept>(&what)) {
    const auto id = std::exchange(offered_, {}).value();
    auto& u = node(i).users.at(id);
    u.connection = connection;
    u.limit = accept->limit;
    by_wire_[{i, connection, accept->stream}] = id;
  } else if (const auto* credit = std::get_if<message::stream_credit>(&what)) {
    auto& u = node(i).users.at(by_wire_.at({i, connection, credit->stream}));
    EXPECT_GE(credit->limit, u.limit) << "a promise was taken back";
    EXPECT_LE(credit->consumed, u.consumed) << "acknowledged before it was consumed";
    u.limit = credit->limit;
  }
}

void test_group::receive(const test_end& e, std::string_view message) {
  auto& u = user(e);
  if (!hostile) {
    const auto& written = user(u.other.value()).written;
    ASSERT_LT(u.received, written.size());
    EXPECT_TRUE(*written[u.received] == message) << "message " << u.received;
  }
  ++u.received;
  u.unread.push_back(message.size());
}

test_user* test_group::heard_of(std::size_t i, stream_id id) {
  const auto at = node(i).users.find(id);
  EXPECT_NE(at, node(i).users.end());
  if (at == node(i).users.end()) return nullptr;
  EXPECT_FALSE(at->second.end) << "told of an end behind its last word";
  return &at->second;
}

void test_group::carry_out(std::size_t i, stream_effect::connect&& e) {
  auto& n = node(i);
  if (e.to.incarnation == n.self) {
    n.core.on_connected(now, n.self, local_opener, n.out);
    return;
  }
  for (std::size_t to = 0; to < nodes_.size(); ++to) {
    if (node(to).self != e.to.incarnation) continue;
    if (!node(to).reachable) {
      n.core.on_unreachable(now, e.to.incarnation, "refused", !node(to).listens, n.out);
      return;
    }
    for (const auto& [id, c] : links_) {
      if (c.from != i || c.to != to) continue;
      n.core.on_connected(now, e.to.incarnation, id, n.out);
      return;
    }
    links_[++last_link_] = {i, to, {}};
    n.core.on_connected(now, e.to.incarnation, last_link_, n.out);
    return;
  }
  ADD_FAILURE() << "a connection to nobody";
}

void test_group::carry_out(std::size_t i, stream_effect::transmit&& e) {
  const auto* accept = std::get_if<message::stream_accept>(&e.what);
  if (accept != nullptr && !node(i).core.has(e.connection, accept->stream)) return;
  ++sent[name_of(e.what)];
  note_promise(i, e.connection, e.what);
  if (is_local(e.connection)) {
    const auto* data = std::get_if<message::stream_data>(&e.what);
    const std::size_t size = data != nullptr ? data->data.size() : 0;
    hand_over(i, e.connection == local_opener ? local_acceptor : local_opener, std::move(e.what));
    if (size > 0) node(i).core.on_drained(now, e.connection, size, node(i).out);
    return;
  }
  const auto at = links_.find(e.connection);
  if (at == links_.end()) return;
  auto& d = at->second.ways.at(at->second.from == i ? 0 : 1);
  (in_lane(e.what) ? d.data : d.control).push_back(std::move(e.what));
}

void test_group::carry_out(std::size_t i, stream_effect::busy&& e) {
  EXPECT_NE(node(i).busy[e.connection], e.now);
  node(i).busy[e.connection] = e.now;
}

void test_group::carry_out(std::size_t i, stream_effect::offered&& e) {
  auto& u = node(i).users[e.id];
  offered_ = e.id;
  u.open = true;
  u.reads = node(i).reads;
  u.from = e.what.from;
  u.token = e.what.token;
  if (!hostile) {
    const test_end opener{std::stoull(e.what.metadata.at("node")),
                          std::stoull(e.what.metadata.at("end"))};
    u.other = opener;
    user(opener).other = test_end{i, e.id};
  }
  u.offer = std::move(e.what);
  if (node(i).refuses) {
    offered_.reset();
    node(i).core.cancel(now, e.id, *node(i).refuses, "not me", node(i).out);
  }
}

void test_group::carry_out(std::size_t i, stream_effect::opened&& e) {
  auto* u = heard_of(i, e.id);
  if (u == nullptr) return;
  EXPECT_FALSE(u->open);
  u->open = true;
  u->from = e.from;
  u->token = e.token;
}

void test_group::carry_out(std::size_t i, stream_effect::arrived&& e) {
  const auto* u = heard_of(i, e.id);
  if (u == nullptr) return;
  EXPECT_TRUE(u->open && !u->finished);
  const bool for_leader = u->offer && u->offer->kind == message::request_kind::send;
  EXPECT_TRUE(!for_leader || u->token == node(i).may.acting) << "handed on without the lease (R1)";
  std::uint64_t count = 0;
  for (std::string_view rest = e.block.text; e.framed ? !rest.empty() : count == 0; ++count) {
    const std::size_t size = e.framed ? base::load_u32(rest.data()) : rest.size();
    if (e.framed) rest.remove_prefix(length_size);
    receive({i, e.id}, rest.substr(0, size));
    rest.remove_prefix(size);
  }
  if (u->reads) consume({i, e.id}, count);
}

void test_group::carry_out(std::size_t i, stream_effect::finished&& e) {
  auto* u = heard_of(i, e.id);
  if (u == nullptr) return;
  EXPECT_FALSE(u->finished);
  u->finished = true;
  if (hostile) return;
  EXPECT_TRUE(user(u->other.value()).finish);
  EXPECT_EQ(u->received, user(u->other.value()).written.size());
}

void test_group::carry_out(std::size_t i, stream_effect::taken&& e) {
  if (auto* u = heard_of(i, e.id)) u->taken += e.bytes;
}

void test_group::carry_out(std::size_t i, stream_effect::acknowledged&& e) {
  auto* u = heard_of(i, e.id);
  if (u == nullptr) return;
  EXPECT_GT(e.messages, u->acknowledged);
  u->acknowledged = e.messages;
}

void test_group::carry_out(std::size_t i, stream_effect::ended&& e) {
  auto* u = heard_of(i, e.id);
  if (u == nullptr) return;
  EXPECT_GE(e.how.acknowledged, u->acknowledged);
  const bool broken = !e.how.outcome && e.how.outcome.error().code == errc::internal;
  EXPECT_TRUE(hostile || !broken) << e.how.outcome.error().context;
  u->end = std::move(e.how);
}

}  // namespace hedgerow::core
