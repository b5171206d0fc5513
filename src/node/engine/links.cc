#include "node/engine/links.h"

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"

namespace hedgerow::engine {
namespace {

constexpr nanoseconds silent_patience = seconds{2};

void append(links::outcome& all, const links::outcome& o) {
  all.cut.insert(all.cut.end(), o.cut.begin(), o.cut.end());
  all.closed.insert(all.closed.end(), o.closed.begin(), o.closed.end());
}

}  // namespace

ports::connection_id links::ensure(const core::target& to) {
  if (to.address.empty()) return open_to(to.incarnation);
  auto& l = links_[to.incarnation];
  if (l.open) return l.id;
  if (l.id == 0) {
    l.to = to;
    const auto expected = HEDGEROW_MUTANT(ignore_incarnation) ? incarnation{} : to.incarnation;
    l.id = transport_.dial(to.address, expected, dial_patience_);
    dialled_[l.id] = to.incarnation;
  }
  return 0;
}

ports::connection_id links::open_to(const incarnation& who) const {
  const auto it = links_.find(who);
  return it == links_.end() || !it->second.open ? 0 : it->second.id;
}

bool links::dialling(const incarnation& who) const {
  const auto it = links_.find(who);
  return it != links_.end() && it->second.id != 0 && !it->second.open;
}

bool links::say(const core::target& to, const message::any& what) {
  const auto id = ensure(to);
  return id != 0 && transport_.send(id, what);
}

links::carried links::carry(boot_time now, const core::target& to, message::request&& what) {
  const auto id = ensure(to);
  if (id == 0) {
    const auto it = links_.find(to.incarnation);
    if (it == links_.end()) return carried::no;
    auto& l = it->second;
    l.waiting.emplace_back(now, std::move(what));
    return carried::waiting;
  }
  const auto request = what.id;
  if (!transport_.send(id, std::move(what))) return carried::no;
  out_on_.add(request, id);
  return carried::sent;
}

bool links::forget(const incarnation& who, std::uint64_t request) {
  out_on_.erase(request);
  const auto it = links_.find(who);
  HEDGEROW_PROBE_IF(it != links_.end() && !it->second.waiting.empty(), link_request_taken_back);
  return it != links_.end() && std::erase_if(it->second.waiting, [&](const auto& w) {
                                 return w.second.id == request;
                               }) > 0;
}

void links::verify(const core::target& who) {
  verifying_[transport_.dial(who.address, who.incarnation, dial_patience_)] = who;
}

bool links::answered(ports::connection_id from, std::uint64_t request) {
  const auto* on = out_on_.find(request);
  if (on == nullptr || *on != from) return false;
  out_on_.erase(request);
  return true;
}

void links::flush(boot_time now, link& l, outcome& o) {
  for (auto& [since, w] : std::exchange(l.waiting, {})) {
    const auto request = w.id;
    w.remaining = std::max<nanoseconds>(w.remaining - (now - since), nanoseconds{1});
    if (transport_.send(l.id, std::move(w))) {
      out_on_.add(request, l.id);
      o.sent.push_back(request);
    } else {
      o.unsent.push_back(request);
    }
  }
}

links::outcome links::on_open(boot_time now, ports::connection_id id, const ports::peer& who) {
  outcome o;
  if (const auto v = verifying_.find(id); v != verifying_.end()) {
    o.verification = true;
    o.peer = v->second;
    verifying_.erase(v);
    transport_.close(id);
    return o;
  }
  peers_[id] = who;
  const auto it = dialled_.find(id);
  if (it == dialled_.end()) {
    o.accepted = true;
    return o;
  }
  auto& l = links_.at(it->second);
  // With a mutant, whoever answers passes for the one that was asked for.
  peers_[id].incarnation = it->second;
  l.open = true;
  o.peer = l.to;
  flush(now, l, o);
  return o;
}

links::outcome links::on_dial_failed(ports::connection_id id) {
  outcome o;
  if (const auto v = verifying_.find(id); v != verifying_.end()) {
    o.verification = true;
    o.peer = v->second;
    verifying_.erase(v);
    return o;
  }
  const auto it = dialled_.find(id);
  if (it == dialled_.end()) return o;
  auto l = links_.extract(it->second);
  dialled_.erase(it);
  o.peer = l.mapped().to;
  for (const auto& [since, w] : l.mapped().waiting)
    o.unsent.push_back(w.id);
  return o;
}

links::outcome links::on_closed(ports::connection_id id) {
  outcome o;
  for (const auto request : out_on_.ids()) {
    if (*out_on_.find(request) != id) continue;
    o.cut.push_back(request);
    out_on_.erase(request);
  }
  peers_.erase(id);
  o.closed.push_back(id);
  const auto it = dialled_.find(id);
  if (it == dialled_.end()) {
    o.accepted = true;
    return o;
  }
  o.peer = links_.at(it->second).to;
  links_.erase(it->second);
  dialled_.erase(it);
  return o;
}

std::optional<core::target> links::retire(ports::connection_id id) {
  const auto it = dialled_.find(id);
  if (it == dialled_.end() || !links_.at(it->second).open) return std::nullopt;
  auto l = links_.extract(it->second);
  dialled_.erase(it);
  return l.mapped().to;
}

const ports::peer* links::peer_of(ports::connection_id id) const {
  const auto it = peers_.find(id);
  return it == peers_.end() ? nullptr : &it->second;
}

links::outcome links::drop(const incarnation& who) {
  std::vector<ports::connection_id> theirs;
  for (const auto& [id, p] : peers_) {
    if (p.incarnation == who && p.role == ports::peer_role::member) theirs.push_back(id);
  }
  outcome all;
  for (const auto id : theirs) {
    HEDGEROW_PROBE(link_dropped_with_member);
    transport_.close(id);
    append(all, on_closed(id));
  }
  return all;
}

void links::drop_later(boot_time now, const incarnation& who) {
  due_.emplace_back(now + silent_patience, who);
}

links::outcome links::drop_due(boot_time now, const view& members) {
  outcome all;
  for (; !due_.empty() && due_.front().first <= now; due_.pop_front()) {
    const auto& who = due_.front().second;
    if (members.find(who) != nullptr) continue;
    const auto o = drop(who);
    HEDGEROW_PROBE_IF(!o.closed.empty(), link_to_silent_member_dropped);
    append(all, o);
  }
  return all;
}

boot_time links::next_wake() const {
  return due_.empty() ? boot_time::never() : due_.front().first;
}

links::outcome links::reset() {
  outcome o;
  o.cut = out_on_.ids();
  for (const auto& [who, l] : links_) {
    for (const auto& [since, w] : l.waiting)
      o.unsent.push_back(w.id);
    HEDGEROW_PROBE_IF(!l.open && l.id != 0, link_dial_given_up_by_eviction);
    if (!l.open) o.given_up.push_back(who);
  }
  for (const auto& [id, p] : peers_)
    o.closed.push_back(id);
  links_.clear();
  dialled_.clear();
  verifying_.clear();
  peers_.clear();
  out_on_.clear();
  due_.clear();
  return o;
}

}  // namespace hedgerow::engine
