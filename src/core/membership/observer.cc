#include "core/membership/observer.h"

#include <bit>

#include "base/mutant.h"
#include "base/probe.h"

namespace hedgerow::core {

using message::edge_state;

void observer::watch(const std::vector<incarnation>& subjects) {
  std::map<incarnation, edge> next;
  for (const auto& s : subjects) {
    const auto it = edges_.find(s);
    new_edges_ |= it == edges_.end();
    next.emplace(s, it == edges_.end() ? edge{} : it->second);
  }
  edges_ = std::move(next);
}

observer::probe_order observer::order(const incarnation& subject, edge& e) {
  e.nonce = ++last_nonce_;
  e.answered = false;
  return {subject, e.nonce};
}

std::vector<observer::probe_order> observer::tick(boot_time now) {
  std::vector<probe_order> orders;
  const bool round = now >= due_;
  if (!round && !new_edges_) return orders;
  for (auto& [subject, e] : edges_) {
    if (!round && e.nonce != 0) continue;
    if (e.nonce != 0) record(e, e.answered);
    orders.push_back(order(subject, e));
  }
  new_edges_ = false;
  if (round) due_ = now + options_.probe_period;
  return orders;
}

std::optional<observer::probe_order> observer::ask(const incarnation& subject) {
  const auto it = edges_.find(subject);
  // What was asked before there was a connection was never sent.
  if (it == edges_.end() || it->second.answered) return std::nullopt;
  return order(subject, it->second);
}

void observer::set(edge& e, edge_state state) {
  if (e.state == state) return;
  e.state = state;
  changed_ = true;
}

void observer::record(edge& e, bool success) {
  const std::uint32_t all = (1U << options_.window) - 1U;
  e.window = (e.window << 1U | (success ? 0U : 1U)) & all;
  e.missed = success ? 0 : e.missed + 1;
  e.clean = success ? e.clean + 1 : 0;
  if (e.state == edge_state::refused || e.state == edge_state::left) return;
  const bool silent =
      e.missed >= options_.missed_probes_max ||
      (e.state == edge_state::up && std::popcount(e.window) >= options_.window_misses_max);
  if (silent) {
    HEDGEROW_PROBE_IF(e.state != edge_state::down && e.missed >= options_.missed_probes_max,
                      observer_down_by_misses);
    HEDGEROW_PROBE_IF(e.state != edge_state::down && e.missed < options_.missed_probes_max,
                      observer_down_by_window);
    set(e, edge_state::down);
  } else if (e.state == edge_state::down && e.clean >= options_.clean_probes &&
             !HEDGEROW_MUTANT(down_for_good)) {
    HEDGEROW_PROBE(observer_up_again);
    e.window = 0;
    set(e, edge_state::up);
  }
}

void observer::on_ack(const incarnation& subject, std::uint64_t nonce) {
  const auto it = edges_.find(subject);
  // An old ack proves an old state: not older than the silence limit.
  const auto kept = static_cast<std::uint64_t>(options_.missed_probes_max) * edges_.size();
  if (it == edges_.end() || nonce + kept < it->second.nonce || nonce > it->second.nonce) return;
  HEDGEROW_PROBE_IF(nonce < it->second.nonce, observer_late_answer);
  on_answer(subject);
}

void observer::on_answer(const incarnation& subject) {
  const auto it = edges_.find(subject);
  if (it == edges_.end()) return;
  it->second.answered = true;
  if (it->second.state == edge_state::unknown || it->second.state == edge_state::refused)
    set(it->second, edge_state::up);
}

void observer::on_refused(const incarnation& subject) {
  const auto it = edges_.find(subject);
  if (it == edges_.end() || it->second.state == edge_state::left) return;
  set(it->second, edge_state::refused);
}

void observer::on_left(const incarnation& subject) {
  const auto it = edges_.find(subject);
  HEDGEROW_PROBE_IF(it != edges_.end(), observer_told_of_leave);
  if (it != edges_.end()) set(it->second, edge_state::left);
}

void observer::on_pause(boot_time now) {
  if (HEDGEROW_MUTANT(keep_own_pause)) return;
  for (auto& [subject, e] : edges_) {
    HEDGEROW_PROBE_IF(e.state == edge_state::down, observer_silence_forgotten);
    const bool certain = e.state == edge_state::refused || e.state == edge_state::left;
    e = edge{.state = certain ? e.state : edge_state::unknown};
  }
  due_ = now;
  quiet_until_ = now + options_.silence();
  changed_ = true;
}

std::vector<message::edge> observer::edges(boot_time now) const {
  std::vector<message::edge> all;
  all.reserve(edges_.size());
  for (const auto& [subject, e] : edges_) {
    const bool told = !quiet(now) || e.state == edge_state::left;
    all.push_back({subject, told ? e.state : edge_state::unknown});
  }
  return all;
}

}  // namespace hedgerow::core
