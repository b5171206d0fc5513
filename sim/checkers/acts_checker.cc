#include "sim/checkers/acts_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace hedgerow::sim {
namespace {

bool same(const engine::leadership_cell::value& x, const engine::leadership_cell::value& y) {
  return x.state == y.state && x.token == y.token && x.act_until == y.act_until &&
         x.safe_after == y.safe_after;
}

}  // namespace

void acts_checker::on_cell(std::uint32_t process, const incarnation& who,
                           const engine::leadership_cell& cell) {
  if (process >= cells_.size()) cells_.resize(process + 1);
  const auto value = cell.load();
  auto& known = cells_[process];
  if (same(known, value)) return;
  known = value;
  end(process);
  if (value.state != leadership_state::leading) return;
  const true_time safe = clocks_.when(value.safe_after) + microsecond;
  actors_.push_back(
      {process, who, value.token, std::max(world_.now, safe), clocks_.when(value.act_until)});
  settle();
}

void acts_checker::on_gone(std::uint32_t process) {
  end(process);
  if (process < cells_.size()) cells_[process] = {};
}

void acts_checker::end(std::uint32_t process) {
  const auto it = std::find_if(actors_.begin(), actors_.end(),
                               [&](const actor& a) { return a.process == process; });
  if (it == actors_.end()) return;
  settle();
  const actor a = *it;
  actors_.erase(it);
  acted(a, std::min(world_.now, a.until));
}

// Everything in [a.from, until) could have been an act.
void acts_checker::acted(const actor& a, true_time until) {
  if (a.from >= until) return;
  const auto [owner, first] = owners_.try_emplace(a.token, a.who);
  if (!first && owner->second != a.who)
    world_.violated("acts", fmt::format("token {} was granted twice", a.token));
  if (a.token < last_.token && until > last_.from)
    world_.violated(
        "acts", fmt::format("{}{} could act under token {} until {} ns, after {} under {}", word_,
                            a.process, a.token, until, last_.process, last_.token));
  if (a.token > last_.token) last_ = a;
}

void acts_checker::compare(const actor& x, const actor& y) {
  const true_time from = std::max(x.from, y.from);
  const true_time until = std::min({x.until, y.until, world_.now});
  if (from < until)
    world_.violated("acts",
                    fmt::format("{}{} under token {} and {} under token {} could both act "
                                "from {} to {} ns",
                                word_, x.process, x.token, y.process, y.token, from, until));
}

void acts_checker::settle() {
  for (std::size_t i = 0; i < actors_.size(); ++i) {
    for (std::size_t j = i + 1; j < actors_.size(); ++j)
      compare(actors_[i], actors_[j]);
    // An actor whose time has come has acted; later ones must have greater tokens.
    if (actors_[i].from < std::min(world_.now, actors_[i].until))
      acted(actors_[i], std::min(world_.now, actors_[i].until));
  }
}

void acts_checker::on_act(std::uint32_t process, const incarnation& who, fencing_token token) {
  for (const auto& a : actors_) {
    if (a.process == process && a.token == token) continue;
    if (a.from <= world_.now && world_.now < a.until)
      world_.violated("acts", fmt::format("{}{} acts under token {} while {} may under token {}",
                                          word_, process, token, a.process, a.token));
  }
  acted({process, who, token, world_.now, world_.now + 1}, world_.now + 1);
}

bool acts_checker::covers(std::uint32_t process, fencing_token token) const {
  return std::any_of(actors_.begin(), actors_.end(), [&](const actor& a) {
    return a.process == process && a.token == token && a.from <= world_.now && world_.now < a.until;
  });
}

}  // namespace hedgerow::sim
