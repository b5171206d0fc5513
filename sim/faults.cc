#include "sim/faults.h"

#include <algorithm>

namespace hedgerow::sim {
namespace {

// Those that strike by themselves; the others are chances of single events, or follow from these.
constexpr fault striking[] = {
    fault::kill,
    fault::power_loss,
    fault::reboot,
    fault::graceful_stop,
    fault::kill_all,
    fault::address_reuse,
    fault::twin_name,
    fault::pause,
    fault::cut_pair,
    fault::cut_one_way,
    fault::cut_group,
    fault::break_both_ends,
    fault::break_one_end,
    fault::store_outage,
    fault::store_frozen_for_one,
    fault::store_full,
    fault::store_old_copy,
    fault::store_truncated,
    fault::store_restored,
    fault::store_promoted,
    fault::store_sibling,
    fault::lease_row_deleted,
    fault::clock_unknown,
    fault::clock_disrupted,
    fault::clock_wide,
};

}  // namespace

faults::faults(world& in)
    : world_(in), with_(in.with()), random_(base::mix(in.with().seed ^ 0xfa017ULL)) {
  for (const fault kind : striking) {
    if (with_.has(kind)) kinds_.push_back(kind);
  }
}

void faults::start() {
  active_ = true;
  world_.store().unheal();
  world_.network().unheal();
  world_.handlers().unheal();
  if (kinds_.empty() || with_.fault_gap == forever) return;
  plan_next();
  // The first leader may still be waiting to be one (R8).
  if (phase_ == 0 && with_.has(fault::store_promoted) && random_.chance(0.2))
    plan_also(fault::store_promoted, random_.between(0, 2 * with_.lease()));
}

void faults::plan_next() {
  auto& k = world_.core();
  k.plan(k.now + random_.between(0, 2 * with_.fault_gap), event_kind::fault, 0, phase_);
}

void faults::plan_also(fault kind, true_time after) {
  auto& k = world_.core();
  k.plan(k.now + after, event_kind::fault, 0, phase_, 1 + static_cast<std::uint64_t>(kind));
}

void faults::on_event(const event& e) {
  if (!active_ || e.a != phase_) return;
  if (e.b != 0) {
    strike(static_cast<fault>(e.b - 1));
    return;
  }
  strike(kinds_[random_.below(kinds_.size())]);
  plan_next();
}

void faults::heal_all() {
  active_ = false;
  ++phase_;
  world_.store().heal();
  world_.network().heal();
  world_.handlers().heal();
  world_.clocks().cure_all();
  for (process* p : world_.live()) {
    if (p->paused) world_.resume(*p);
  }
}

process* faults::victim() {
  const auto all = world_.live();
  if (all.empty()) return nullptr;
  if (random_.chance(0.4)) {
    for (process* p : all) {
      if (p->cell->load().state == leadership_state::leading) return p;
    }
  }
  return all[random_.below(all.size())];
}

true_time faults::how_long() {
  const true_time silence = with_.node.membership.silence().count();
  const true_time lengths[] = {silence / 4,   silence,           3 * silence,
                               with_.lease(), 2 * with_.lease(), 5 * with_.lease()};
  return random_.between(100 * millisecond,
                         std::max(101 * millisecond, lengths[random_.below(std::size(lengths))]));
}

void faults::strike(fault kind) {
  if (kind == fault::reboot) {
    if (random_.chance(0.3)) world_.reboot();
  } else if (kind == fault::kill_all) {
    if (random_.chance(0.3)) kill_all();
  } else if (kind <= fault::graceful_stop || kind == fault::address_reuse) {
    end_life(kind);
  } else if (kind == fault::twin_name) {
    add_twin();
  } else if (kind == fault::pause) {
    if (process* p = victim()) world_.pause(*p, how_long());
  } else if (kind <= fault::cut_group) {
    cut(kind);
  } else if (kind <= fault::break_one_end) {
    world_.network().break_one(kind == fault::break_both_ends);
  } else if (kind <= fault::lease_row_deleted) {
    hurt_store(kind);
  } else {
    hurt_clock(kind);
  }
}

void faults::end_life(fault kind) {
  process* p = victim();
  if (p == nullptr) return;
  auto& k = world_.core();
  const std::uint32_t slot = p->slot;
  true_time away = random_.chance(0.5) ? random_.between(0, 300 * millisecond) : 2 * how_long();
  starting as = starting::same_name;
  if (with_.has(fault::new_name) && random_.chance(0.3)) as = starting::new_name;
  if (kind == fault::graceful_stop) {
    if (p->stopping() || p->paused) return;
    k.tally.hit(kind);
    p->stop();
    away += with_.node.stop_patience.count() + 2 * with_.lease();
  } else if (kind == fault::power_loss) {
    k.tally.hit(kind);
    world_.power_off(slot, away);
    return;
  } else {
    k.tally.hit(kind);
    world_.kill(*p);
    if (kind == fault::address_reuse) {
      as = starting::new_name;
      away = random_.between(millisecond, 50 * millisecond);
    }
  }
  if (as == starting::same_name) k.tally.hit(fault::restart);
  world_.start_later(slot, as, away);
}

// Some are back at once, others later; nobody is left who knows anything.
void faults::kill_all() {
  world_.core().tally.hit(fault::kill_all);
  for (process* p : world_.live()) {
    const std::uint32_t slot = p->slot;
    world_.kill(*p);
    world_.core().tally.hit(fault::restart);
    world_.start_later(slot, starting::same_name,
                       random_.chance(0.7) ? random_.between(0, 300 * millisecond) : how_long());
  }
  // Somebody clears up while nobody runs.
  if (with_.has(fault::lease_row_deleted) && deletes_now()) world_.store().delete_lease_row();
}

// One slot is kept for a process that takes another's name.
void faults::add_twin() {
  const std::uint32_t spare = with_.nodes;
  if (process* p = world_.live_at(spare)) {
    world_.kill(*p);
  } else {
    world_.start_later(spare, starting::twin, 0);
  }
}

void faults::cut(fault kind) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ways;
  const std::uint32_t n = world_.slots();
  const auto both = [&](std::uint32_t a, std::uint32_t b) {
    ways.emplace_back(a, b);
    ways.emplace_back(b, a);
  };
  process* p = victim();
  if (p == nullptr || n < 2) return;
  const std::uint32_t a = p->slot;
  const auto b = static_cast<std::uint32_t>((a + 1 + random_.below(n - 1)) % n);
  const bool alone = kind == fault::cut_group && random_.chance(0.4);
  if (kind == fault::cut_group) {
    std::vector<bool> side(n);
    for (std::uint32_t s = 0; s < n; ++s)
      side[s] = alone ? s == a : random_.chance(0.5);
    const bool one_way = random_.chance(0.2);
    // Some may still hear both sides.
    std::vector<bool> bridge(n);
    if (!alone && random_.chance(0.3)) {
      for (std::uint32_t s = 0; s < n; ++s)
        bridge[s] = random_.chance(0.3);
    }
    for (std::uint32_t x = 0; x < n; ++x) {
      for (std::uint32_t y = 0; y < n; ++y) {
        if (x == y || side[x] == side[y] || bridge[x] || bridge[y]) continue;
        if (!one_way || side[x]) ways.emplace_back(x, y);
      }
    }
  } else if (kind == fault::cut_one_way) {
    ways.emplace_back(a, b);
  } else {
    both(a, b);
  }
  if (ways.empty()) return;
  auto& k = world_.core();
  k.tally.hit(kind);
  const true_time length = how_long();
  if (k.trace.wants(detail::transitions)) {
    std::string text = "cut:";
    for (const auto& [from, to] : ways)
      text += " " + std::to_string(from) + ">" + std::to_string(to);
    k.trace.say(k.now, text + " for " + std::to_string(length / millisecond) + " ms");
  }
  world_.network().cut(std::move(ways), length);
  // What is cut off from everybody has lost the source of its time, too, and finds it again later.
  if (alone && with_.has(fault::clock_unknown) && random_.chance(0.5))
    hurt_clock_of(a, fault::clock_unknown, length + random_.between(0, with_.lease()));
}

void faults::hurt_store(fault kind) {
  auto& k = world_.core();
  const true_time until = k.now + how_long();
  if (kind == fault::store_outage) {
    k.tally.hit(kind);
    if (k.trace.wants(detail::transitions)) k.trace.say(k.now, "store: outage");
    world_.store().freeze_all(until, random_.chance(0.5));
  } else if (kind == fault::store_frozen_for_one) {
    process* p = victim();
    if (p == nullptr) return;
    k.tally.hit(kind);
    if (k.trace.wants(detail::transitions))
      k.trace.say(k.now, "store: frozen for host " + std::to_string(p->slot) + " for " +
                             std::to_string((until - k.now) / millisecond) + " ms");
    world_.store().freeze(p->slot, until);
  } else if (kind == fault::store_full) {
    world_.store().fill(until);
  } else if (kind == fault::store_old_copy) {
    show_old_copies(until);
  } else if (kind == fault::store_promoted) {
    promote();
  } else if (kind == fault::store_sibling) {
    promote_sibling();
  } else if (kind == fault::store_restored) {
    restore();
  } else if (kind == fault::store_truncated) {
    if (deletes_now()) world_.store().truncate();
  } else if (kind == fault::lease_row_deleted) {
    if (!deletes_now()) return;
    const auto locks = with_.locks;
    const auto which = locks == 0 ? 0 : static_cast<std::uint32_t>(random_.below(locks + 1));
    if (which < locks) {
      world_.store().delete_lock_row(which);
    } else {
      world_.store().delete_lease_row();
    }
  }
}

// R8 stands for itself: not beside another loss.
bool faults::deletes_now() {
  const true_time now = world_.core().now;
  const true_time apart = 3 * with_.lease() + 4 * with_.max_error();
  if (now - std::max(lost_commits_at_, deleted_at_) < apart || !random_.chance(0.5)) return false;
  deleted_at_ = now;
  return true;
}

// A row that the copy lacks is as good as deleted.
bool faults::loses_commits_now(bool a_row_too) {
  const true_time now = world_.core().now;
  const bool apart = now - deleted_at_ >= 3 * with_.lease() + 4 * with_.max_error();
  if (a_row_too ? with_.leases_differ || !deletes_now() : !apart) return false;
  lost_commits_at_ = now;
  return true;
}

// A dump is older than what a replica lacks; it may be of before there was a row.
void faults::restore() {
  auto& k = world_.core();
  if (!deletes_now()) return;
  lost_commits_at_ = k.now;
  world_.store().restore(k.now - random_.between(0, 20 * with_.lease()));
}

void faults::promote() {
  auto& k = world_.core();
  const auto back = [&](fault kind) -> true_time {
    if (!with_.has(kind)) return 0;
    const true_time lengths[] = {0, 50 * millisecond, with_.lease(), 3 * with_.lease()};
    return random_.between(0, lengths[random_.below(std::size(lengths))]);
  };
  const true_time lease_as_of = k.now - back(fault::lease_row_rolled_back);
  const true_time view_as_of = random_.chance(0.5) && with_.has(fault::view_row_rolled_back)
                                   ? std::min(lease_as_of, k.now)
                                   : k.now - back(fault::view_row_rolled_back);
  if (!loses_commits_now(world_.store().lacked_a_row(lease_as_of))) return;
  // The other standby of this primary will not follow the one that is promoted; its turn comes
  // soon, or at any later time.
  if (with_.has(fault::store_sibling) && !world_.store().has_sibling()) {
    world_.store().leave_sibling(k.now - back(fault::store_sibling));
    if (random_.chance(0.5)) plan_also(fault::store_sibling, random_.between(0, 3 * with_.lease()));
  }
  world_.store().promote(lease_as_of, view_as_of);
  if (with_.has(fault::store_old_copy) && random_.chance(0.5)) show_old_copies(k.now + how_long());
}

void faults::promote_sibling() {
  auto& store = world_.store();
  if (store.has_sibling() && loses_commits_now(store.sibling_lacks_a_row()))
    store.promote_sibling();
}

void faults::show_old_copies(true_time until) {
  for (std::uint32_t s = 0; s < world_.slots(); ++s) {
    if (random_.chance(0.5)) world_.store().show_old_copy(s, until);
  }
}

void faults::hurt_clock(fault kind) {
  if (const process* p = victim()) hurt_clock_of(p->slot, kind, how_long());
}

void faults::hurt_clock_of(std::uint32_t slot, fault kind, true_time length) {
  const auto what = kind == fault::clock_unknown     ? clock_trouble::unknown
                    : kind == fault::clock_disrupted ? clock_trouble::disrupted
                                                     : clock_trouble::wide;
  auto& k = world_.core();
  if (k.trace.wants(detail::transitions))
    k.trace.say(k.now, "clock of host " + std::to_string(slot) + ": " +
                           std::string(to_string(kind)) + " for " +
                           std::to_string(length / millisecond) + " ms");
  world_.clocks().trouble(slot, what, length);
}

}  // namespace hedgerow::sim
