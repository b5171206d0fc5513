#include "node/engine/stream_desk.h"

#include <utility>
#include <variant>

namespace hedgerow::engine {
namespace {

bool is_local(std::uint64_t connection) {
  return connection == core::local_opener || connection == core::local_acceptor;
}

}  // namespace

void stream_desk::assume(boot_time now, const incarnation& self) {
  self_ = self;
  for (const auto id : {core::local_opener, core::local_acceptor})
    core_.on_connection_gone(now, id, "this node goes on under a new incarnation", out_);
}

bool stream_desk::on_message(boot_time now, ports::connection_id from, message::any& what) {
  if (auto* data = std::get_if<message::stream_data>(&what)) {
    core_.on_data(now, from, std::move(*data), acting_, out_);
  } else if (const auto* credit = std::get_if<message::stream_credit>(&what)) {
    core_.on_credit(now, from, *credit, out_);
  } else if (const auto* finish = std::get_if<message::stream_finish>(&what)) {
    core_.on_finish(now, from, *finish, out_);
  } else if (auto* reset = std::get_if<message::stream_reset>(&what)) {
    core_.on_reset(now, from, std::move(*reset), out_);
  } else if (auto* open = std::get_if<message::stream_open>(&what)) {
    // Closed by the turn's beginning: nothing would ever end what began on it now.
    if (!is_local(from) && links_.peer_of(from) == nullptr) return true;
    core_.on_open(now, from, std::move(*open), ask_authority_(), out_);
  } else if (auto* accept = std::get_if<message::stream_accept>(&what)) {
    core_.on_accept(now, from, std::move(*accept), out_);
  } else {
    return false;
  }
  return true;
}

void stream_desk::on_open(boot_time now, ports::connection_id id, const links::outcome& o) {
  if (o.peer && !o.verification) core_.on_connected(now, o.peer->incarnation, id, out_);
}

void stream_desk::on_dial_failed(boot_time now, const links::outcome& o, const std::string& why,
                                 bool gone) {
  if (o.peer && !o.verification) core_.on_unreachable(now, o.peer->incarnation, why, gone, out_);
}

void stream_desk::on_closed(boot_time now, const links::outcome& o, const std::string& why) {
  for (const auto id : o.closed)
    core_.on_connection_gone(now, id, why, out_);
  for (const auto& who : o.given_up)
    core_.on_unreachable(now, who, why, false, out_);
}

bool stream_desk::drain(boot_time now) {
  if (out_.empty()) return false;
  std::swap(out_, batch_);
  for (auto& e : batch_)
    std::visit([&](auto& one) { carry_out(now, std::move(one)); }, e);
  batch_.clear();
  return true;
}

void stream_desk::carry_out(boot_time now, core::stream_effect::connect&& e) {
  if (e.to.incarnation == self_) {
    core_.on_connected(now, self_, core::local_opener, out_);
    return;
  }
  if (const auto id = links_.ensure(e.to)) {
    core_.on_connected(now, e.to.incarnation, id, out_);
  } else if (!links_.dialling(e.to.incarnation)) {
    core_.on_unreachable(now, e.to.incarnation, "no connection to '" + e.to.address + "'", false,
                         out_);
  }
}

void stream_desk::carry_out(boot_time now, core::stream_effect::transmit&& e) {
  // Refused by the user to whom it was offered just before: it was never taken.
  const auto* accept = std::get_if<message::stream_accept>(&e.what);
  if (accept != nullptr && !core_.has(e.connection, accept->stream)) return;
  if (!is_local(e.connection)) {
    // What streams say is never said again: without it the other side would wait for ever.
    if (!transport_.send(e.connection, e.what) && links_.peer_of(e.connection) != nullptr)
      give_up_(e.connection);
    return;
  }
  const auto other = e.connection == core::local_opener ? core::local_acceptor : core::local_opener;
  const auto* data = std::get_if<message::stream_data>(&e.what);
  const std::size_t size = data != nullptr ? data->data.size() : 0;
  on_message(now, other, e.what);
  if (size > 0) core_.on_drained(now, e.connection, size, out_);
}

void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::busy&& e) {
  if (!is_local(e.connection)) transport_.set_busy(e.connection, e.now);
}
void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::offered&& e) {
  owner_.on_stream_offered(e.id, std::move(e.what));
}
void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::opened&& e) {
  owner_.on_stream_open(e.id, e.from, e.token);
}
void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::arrived&& e) {
  owner_.on_stream_messages(e.id, std::move(e.block), e.framed);
}
void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::finished&& e) {
  owner_.on_stream_finished(e.id);
}
void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::taken&& e) {
  owner_.on_stream_taken(e.id, e.bytes);
}
void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::acknowledged&& e) {
  owner_.on_stream_acknowledged(e.id, e.messages);
}
void stream_desk::carry_out(boot_time /*now*/, core::stream_effect::ended&& e) {
  owner_.on_stream_end(e.id, std::move(e.how));
}

}  // namespace hedgerow::engine
