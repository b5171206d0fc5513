#include "core/lease/lease.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/mutant.h"
#include "base/probe.h"

namespace hedgerow::core {
namespace {

using ports::lease_action;
using ports::store_outcome;

// Between two reads of a row that somebody says has changed.
constexpr nanoseconds look_gap = milliseconds{10};
// Within which a follower whose leader's lease has passed looks at the store.
constexpr nanoseconds look_time = milliseconds{500};
constexpr nanoseconds backoff_first = milliseconds{20};
constexpr nanoseconds backoff_max = milliseconds{500};

constexpr fencing_token token_seen_max = std::numeric_limits<fencing_token>::max() / 2;
// What peers say may be any number.
constexpr microseconds far = std::chrono::hours{24};

// When `earliest` will have passed `t`, if the clock goes on as it does.
boot_time when_passed(const reading& now, instant t) {
  if (now.truth.earliest > t) return now.boot;
  if (t - now.truth.earliest > far) return now.boot + far;
  return now.boot + (t - now.truth.earliest + microseconds{1});
}

boot_time when_reached(const reading& now, instant t) {
  if (now.truth.latest >= t) return now.boot;
  return now.boot + (t - now.truth.latest);
}

}  // namespace

lease::lease(lease_options options, lease_self self, std::uint64_t seed)
    : options_(options), self_(std::move(self)), random_(seed), wanted_(!options.on_demand) {}

bool lease::trusted(const bounded_time& now) const {
  return HEDGEROW_MUTANT(trust_any_clock) || now.trusted(options_.max_error);
}

bool lease::may_act(const bounded_time& now) const {
  if (!held_ || !trusted(now)) return false;
  const instant reached = HEDGEROW_MUTANT(act_until_earliest) ? now.earliest : now.latest;
  return reached < act_until() && now.earliest > held_->safe_after;  // R1
}

void lease::tick(const reading& now, lease_effects& out) {
  if (!epoch_seen_ && !epoch_.empty() && trusted(now.truth)) epoch_seen_ = now.truth.latest;
  guard(now, out);
  if (pending_ && now.boot >= pending_->deadline) {
    HEDGEROW_PROBE(lease_store_silent);
    attempt_failed(now, "the store does not answer", true, out);
  }
  if (releasing_ && releasing_->id != 0 && now.boot >= releasing_->deadline) releasing_->id = 0;
  if (releasing_ && releasing_->id == 0 && now.boot >= releasing_->deadline)
    submit_release(now, out);
  if (!pending_) drive(now, out);
}

// R10: what is held is judged by the clock alone, never by an answer of the store.
void lease::guard(const reading& now, lease_effects& out) {
  if (!held_) return;
  const bool repinning = HEDGEROW_MUTANT(repin_after_expiry);
  if (trusted(now.truth) && now.truth.latest >= act_until() && !repinning) {
    HEDGEROW_PROBE(lease_ran_out);
    drop("the lease ran out", out);
    return;
  }
  const bool usable = may_act(now.truth);
  if (usable == held_->announced) return;
  held_->announced = usable;
  HEDGEROW_PROBE_IF(!usable && !trusted(now.truth), lease_suspended_by_clock);
  HEDGEROW_PROBE_IF(usable && held_->known, lease_resumed);
  if (usable) {
    held_->known = true;
    out.emplace_back(lease_effect::gained{held_->token});
  } else {
    out.emplace_back(lease_effect::suspended{held_->token});
  }
}

void lease::drop(const std::string& why, lease_effects& out) {
  if (!held_) return;
  const fencing_token token = held_->token;
  const bool known = held_->known;
  if (known && options_.on_demand && !HEDGEROW_MUTANT(take_unasked)) wanted_ = false;
  dropped_ = std::max(dropped_, token);  // F10
  held_.reset();
  // What is in flight asks to keep the lease; its answer must not revive it (R2).
  if (pending_ &&
      (pending_->action == lease_action::renew || pending_->action == lease_action::repin)) {
    HEDGEROW_PROBE(lease_renewal_let_go);
    pending_.reset();
  }
  if (known) out.insert(out.begin(), lease_effect::lost{token, why});
}

void lease::drive(const reading& now, lease_effects& out) {
  if (!held_) {
    compete(now, out);
  } else if (now.boot >= held_->renew_at) {
    submit_renew(now, out);
  }
}

void lease::compete(const reading& now, lease_effects& out) {
  if (refused_ || now.boot < retry_at_ || ((resigned_ || !wanted_) && !unsure_)) return;
  if (!row_known_ || unsure_) {
    submit(now, {.action = lease_action::read}, out);
    return;
  }
  if (now.boot < stand_back_until_ || !trusted(now.truth) || !epoch_seen_) return;
  if (!row_) {
    submit_create(now, out);
    return;
  }
  if (row_->epoch != epoch_ && foreign_announced_ != epoch_ && row_->scale == self_.scale) {
    HEDGEROW_PROBE(lease_foreign_row_met);
    foreign_announced_ = epoch_;
    const auto left = std::max(microseconds{0}, foreign_wait_end() - now.truth.earliest);
    out.emplace_back(lease_effect::waiting{std::chrono::duration_cast<milliseconds>(left),
                                           "the store or the machine was restarted or replaced"});
  }
  if (!takeable(now.truth)) {
    takeable_since_.reset();
    if (now.boot >= next_look()) submit(now, {.action = lease_action::read}, out);
    return;
  }
  if (!takeable_since_) takeable_since_ = now.boot;
  HEDGEROW_PROBE_IF(now.boot < *takeable_since_ + rank_ * options_.rank_step, lease_queues_by_rank);
  if (now.boot >= *takeable_since_ + rank_ * options_.rank_step) submit_acquire(now, out);
}

microseconds lease::lease_max() const {
  return std::max({options_.lease, lease_max_seen_, row_ ? row_->lease_max : microseconds{0}});
}

instant lease::foreign_wait_end() const {
  return epoch_seen_.value_or(instant{}) + lease_max() + 2 * options_.max_error;  // F11
}

bool lease::foreign_wait_over(const bounded_time& now) const {
  return epoch_seen_ && now.earliest > foreign_wait_end();
}

// Only a guess of what the store will say; the statement has the same conditions (R3, F11).
bool lease::takeable(const bounded_time& now) const {
  if (row_->scale != self_.scale) return false;
  if (row_->epoch != epoch_) {
    if (HEDGEROW_MUTANT(take_foreign_at_once)) return true;
    if (HEDGEROW_MUTANT(wait_after_take)) return row_->expires < now.earliest;
    return foreign_wait_over(now);
  }
  if (row_->released) return true;
  return row_->expires < (HEDGEROW_MUTANT(take_by_latest) ? now.latest : now.earliest);
}

void lease::see_token(fencing_token token) {
  // Peers may say anything; the next token must not overflow.
  if (token > token_seen_max) return;
  seen_ = std::max(seen_, token);
}

void lease::see_epoch(const std::string& epoch) {
  if (epoch == epoch_) return;
  epoch_ = epoch;
  epoch_seen_.reset();
  // A holder re-pins at once (F12).
  if (held_) held_->renew_at = {};
}

void lease::see_row(const reading& now, const std::optional<ports::lease_row>& row,
                    lease_effects& out) {
  HEDGEROW_PROBE_IF(row_known_ && row_ && !row, lease_row_vanished);
  HEDGEROW_PROBE_IF(unsure_ && row && row->incarnation == self_.incarnation,
                    lease_unsure_take_happened);
  HEDGEROW_PROBE_IF(unsure_ && !(row && row->incarnation == self_.incarnation),
                    lease_unsure_take_did_not);
  row_ = row;
  row_known_ = true;
  unsure_ = false;
  takeable_since_.reset();
  if (!row) return;
  version_used_ = std::max(version_used_, row->version);
  see_token(row->token);
  lease_max_seen_ = std::max(lease_max_seen_, row->lease_max);
  if (row->lease_max < options_.lease && !refused_ && row->lease_max.count() > 0 &&
      !HEDGEROW_MUTANT(longer_than_limit)) {
    HEDGEROW_PROBE(lease_longer_than_allowed);
    refused_ = true;
    out.emplace_back(lease_effect::refused{
        "the row was created with a lease of " + std::to_string(row->lease_max.count() / 1000) +
        " ms, nobody may have a longer one (" + std::to_string(options_.lease.count() / 1000) +
        " ms); start with that lease or a shorter one"});
  }
  if (row_->token == released_) {
    // Read before the release that was told of: believed once, then the store is asked again.
    HEDGEROW_PROBE_IF(!row_->released, lease_row_older_than_release);
    row_->released = true;
    released_ = 0;
  }
  const bool mine = row->incarnation == self_.incarnation && !row->released &&
                    row->epoch == epoch_ && row->scale == self_.scale;
  if (held_ || !mine) return;
  HEDGEROW_PROBE_IF(row->token <= dropped_, lease_dropped_token_met);
  // A take of ours whose answer was lost has happened (R2).
  if (row->token > dropped_ || HEDGEROW_MUTANT(resume_dropped_token)) hold(now, *row, out);
}

void lease::see_store(bool available, const std::string& text, lease_effects& out) {
  failures_ = available ? 0 : failures_ + 1;
  // One failure is weather; two in a row are news.
  const bool ok = failures_ < 2;
  if (ok == store_ok_) return;
  store_ok_ = ok;
  out.emplace_back(lease_effect::store_status{ok, text});
}

void lease::hold(const reading& now, const ports::lease_row& row, lease_effects& out) {
  // A take that was found by a read may be old.
  const bool fresh = row.expires - now.truth.latest >= options_.lease - options_.renew_period();
  held_ = holding{.token = row.token,
                  .expires = row.expires,
                  .safe_after = row.safe_after,
                  .epoch = row.epoch,
                  .version = row.version,
                  .renew_at = fresh ? now.boot + options_.renew_period() : now.boot};
  if (resigned_ || refused_ || (!wanted_ && !HEDGEROW_MUTANT(keep_unwanted))) {
    HEDGEROW_PROBE_IF(!resigned_ && !refused_, lease_unwanted_take_given_back);
    HEDGEROW_PROBE_IF(resigned_, lease_take_came_while_stopping);
    give_up(now, "stopping", out);
    return;
  }
  if (row.safe_after > now.truth.earliest) {
    HEDGEROW_PROBE(lease_cools_off);
    const auto left = row.safe_after - now.truth.earliest;
    out.emplace_back(
        lease_effect::waiting{std::chrono::duration_cast<milliseconds>(left) + milliseconds{1},
                              "its row is new: a deleted row could hide a live lease"});
  }
  guard(now, out);
}

void lease::attempt_failed(const reading& now, const std::string& text, bool unknown,
                           lease_effects& out) {
  const auto action = pending_->action;
  const bool take = action == lease_action::acquire ||
                    (action == lease_action::create && HEDGEROW_MUTANT(create_takes));
  HEDGEROW_PROBE_IF(unknown && take, lease_take_unknown);
  HEDGEROW_PROBE_IF(unknown && held_, lease_renewal_unknown);
  if (unknown && take) unsure_ = true;
  if (unknown && action == lease_action::create) row_known_ = false;
  if (unknown && held_ && HEDGEROW_MUTANT(optimistic_expiry))
    held_->expires = std::max(held_->expires, pending_->expires);
  pending_.reset();
  see_store(false, text, out);
  const nanoseconds ceiling = std::min<nanoseconds>(backoff_max, options_.lease / 12);
  const int doublings = std::min(failures_, 6);
  const nanoseconds wait = std::min(ceiling, backoff_first * (1 << doublings));
  const auto jitter = random_.between(wait.count() / 2, wait.count());
  retry_at_ = now.boot + nanoseconds{jitter};
  if (held_) held_->renew_at = retry_at_;
}

void lease::on_reply(const reading& now, ports::request_id id, const ports::lease_reply& reply,
                     lease_effects& out) {
  if (releasing_ && id == releasing_->id) {
    if (reply.outcome != store_outcome::done) {
      HEDGEROW_PROBE(lease_release_said_again);
      releasing_->id = 0;
      releasing_->deadline = now.boot + backoff_first;
    } else {
      // Whether it applied or not: the row is not ours any more.
      out.emplace_back(lease_effect::released{releasing_->token});
      if (HEDGEROW_MUTANT(act_after_release)) drop("released", out);
      see_epoch(reply.epoch);
      row_as_of_ = releasing_->sent;
      releasing_.reset();
      see_row(now, reply.row, out);
    }
    tick(now, out);
    return;
  }
  HEDGEROW_PROBE_IF(!pending_ || id != pending_->id, lease_answer_too_late);
  if (!pending_ || id != pending_->id) return;
  if (reply.outcome != store_outcome::done) {
    attempt_failed(now, reply.error, reply.outcome == store_outcome::unknown, out);
    tick(now, out);
    return;
  }
  const auto action = pending_->action;
  row_as_of_ = pending_->sent;
  pending_.reset();
  see_store(true, {}, out);
  see_epoch(reply.epoch);
  if (!epoch_seen_ && trusted(now.truth)) epoch_seen_ = now.truth.latest;
  switch (action) {
    case lease_action::renew:
    case lease_action::repin:
      on_held_reply(now, reply, out);
      break;
    case lease_action::create:
    case lease_action::acquire:
      HEDGEROW_PROBE_IF(action == lease_action::create && reply.applied, lease_created);
      HEDGEROW_PROBE_IF(action == lease_action::create && !reply.applied, lease_create_came_second);
      HEDGEROW_PROBE_IF(action == lease_action::acquire && !reply.applied, lease_take_came_second);
      HEDGEROW_PROBE_IF(
          action == lease_action::acquire && reply.applied && row_ && row_->epoch != epoch_,
          lease_took_foreign_row);
      HEDGEROW_PROBE_IF(action == lease_action::acquire && reply.applied && row_ &&
                            row_->epoch == epoch_ && row_->released,
                        lease_took_released_row);
      HEDGEROW_PROBE_IF(action == lease_action::acquire && reply.applied && row_ &&
                            row_->epoch == epoch_ && !row_->released,
                        lease_took_expired_row);
      if (reply.applied && reply.row && HEDGEROW_MUTANT(wait_after_take) && row_ &&
          row_->epoch != reply.row->epoch) {
        ports::lease_row cooled = *reply.row;
        cooled.safe_after = now.truth.latest + lease_max() + 2 * options_.max_error;
        see_row(now, cooled, out);
        break;
      }
      [[fallthrough]];
    case lease_action::read:
    case lease_action::release:
      see_row(now, reply.row, out);
      break;
  }
  tick(now, out);
}

void lease::on_held_reply(const reading& now, const ports::lease_reply& reply, lease_effects& out) {
  HEDGEROW_ASSERT(held_.has_value());
  if (reply.applied) {
    HEDGEROW_ASSERT(reply.row.has_value());
    const auto& row = *reply.row;
    HEDGEROW_PROBE_IF(held_->epoch != row.epoch, lease_repinned);
    held_->expires = std::max(held_->expires, row.expires);  // R2, R6
    held_->epoch = row.epoch;
    held_->version = row.version;
    row_ = row;
    row_known_ = true;
    return;
  }
  const bool same = reply.row && reply.row->token == held_->token &&
                    reply.row->incarnation == self_.incarnation && !reply.row->released;
  // R6: no row is lost, unless only the epoch moved; then the next statement re-pins (F12).
  HEDGEROW_PROBE_IF(same && held_->epoch != epoch_, lease_renewal_refused_by_epoch);
  if (same && held_->epoch != epoch_) return;
  HEDGEROW_PROBE_IF(reply.row, lease_lost_to_row);
  HEDGEROW_PROBE_IF(!reply.row, lease_lost_with_row);
  drop("the store says that the lease is another's", out);
  see_row(now, reply.row, out);
}

void lease::on_news(const reading& now, fencing_token token, instant expires, lease_effects& out) {
  see_token(token);
  HEDGEROW_PROBE_IF(held_ && token > held_->token, lease_lost_to_news);
  if (held_ && token > held_->token) drop("a later token leads", out);
  if (!row_known_ || !row_ || held_) return;
  if (token < row_->token || (token == row_->token && expires <= row_->expires)) return;
  if (token > row_->token) {
    HEDGEROW_PROBE(lease_news_of_later_token);
    row_->token = token;
    row_->expires = expires;
    row_->epoch = epoch_;
    row_->released = false;
  } else {
    row_->expires = expires;
  }
  takeable_since_.reset();
  tick(now, out);
}

void lease::on_released(const reading& now, fencing_token token, lease_effects& out) {
  see_token(token);
  released_ = std::max(released_, token);
  if (!row_known_ || !row_ || held_ || token < row_->token) return;
  HEDGEROW_PROBE(lease_told_of_release);
  row_->token = token;
  row_->released = true;
  tick(now, out);
}

void lease::on_holder_gone(const reading& now, lease_effects& out) {
  if (!row_known_ || !row_ || held_ || row_->released || gone_looked_ == row_->token) return;
  HEDGEROW_PROBE(lease_looks_for_gone_holder);
  gone_looked_ = row_->token;
  row_known_ = false;
  tick(now, out);
}

void lease::give_up(const reading& now, const std::string& why, lease_effects& out) {
  if (!held_) return;
  releasing_ = releasing{.token = held_->token, .give_up = now.boot + options_.lease};
  // R7: first stop acting, then say so to the store.
  if (!HEDGEROW_MUTANT(act_after_release)) drop(why, out);
  submit_release(now, out);
}

void lease::stand_back(const reading& now, const std::string& why, lease_effects& out) {
  stand_back_until_ = now.boot + options_.stand_back;
  // Those that can't hear this node look at the store when the expiry that they know of has passed.
  // A clock that has lost its sync would make that hours.
  if (held_) {
    HEDGEROW_PROBE(lease_stands_back);
    const auto passed = std::min(when_passed(now, held_->expires),
                                 now.boot + options_.lease + 2 * options_.max_error);
    stand_back_until_ = std::max(stand_back_until_, passed + look_time);
  }
  give_up(now, why, out);
}

void lease::want(const reading& now, bool wanted, lease_effects& out) {
  if (wanted && !wanted_) foreign_announced_.clear();
  wanted_ = wanted;
  if (!wanted) give_up(now, "given up", out);
  tick(now, out);
}

void lease::look(const reading& now, lease_effects& out) {
  look_at_ = std::min(look_at_, std::max(now.boot, looked_at_ + look_gap));
  tick(now, out);
}

void lease::resign(const reading& now, lease_effects& out) {
  resigned_ = true;
  give_up(now, "stopping", out);
}

void lease::reincarnate(const reading& now, const incarnation& fresh, lease_effects& out) {
  HEDGEROW_PROBE_IF(held_, lease_evicted_while_held);
  HEDGEROW_PROBE_IF(pending_ && pending_->action != lease_action::read, lease_evicted_while_taking);
  drop("evicted", out);
  // A take in flight is the old life's: the row that it may leave behind runs out by itself.
  pending_.reset();
  releasing_.reset();
  unsure_ = false;
  row_known_ = false;
  self_.incarnation = fresh;
  tick(now, out);
}

boot_time lease::next_wake(const reading& now) const {
  boot_time at = boot_time::never();
  const auto sooner = [&](boot_time t) { at = std::min(at, t); };
  if (pending_) sooner(pending_->deadline);
  if (releasing_) sooner(releasing_->deadline);
  if (held_) {
    if (!pending_) sooner(held_->renew_at);
    if (options_.clock_watch.count() > 0) sooner(now.boot + options_.clock_watch);
    if (!trusted(now.truth)) {
      sooner(now.boot + clock_retry);
    } else {
      if (!HEDGEROW_MUTANT(loss_not_timed)) sooner(when_reached(now, act_until()));
      if (now.truth.earliest <= held_->safe_after) sooner(when_passed(now, held_->safe_after));
    }
  } else if (!pending_) {
    sooner(next_competing_wake(now));
  }
  return at;
}

boot_time lease::next_competing_wake(const reading& now) const {
  if (refused_ || ((resigned_ || !wanted_) && !unsure_)) return boot_time::never();
  boot_time at = retry_at_;
  if (!row_known_ || unsure_) return at;
  at = std::max(at, stand_back_until_);
  if (!trusted(now.truth) || !epoch_seen_) return std::max(at, now.boot + clock_retry);
  if (!row_) return at;
  if (takeable_since_) return std::max(at, *takeable_since_ + rank_ * options_.rank_step);
  return std::max(at, std::min(when_takeable(now), next_look()));
}

boot_time lease::when_takeable(const reading& now) const {
  if (row_->scale != self_.scale) return boot_time::never();
  if (row_->epoch != epoch_) return when_passed(now, foreign_wait_end());
  return row_->released ? now.boot : when_passed(now, row_->expires);
}

// Requires: the row is known.
boot_time lease::next_look() const {
  const bool polls = options_.poll_period.count() > 0;
  return polls ? std::min(look_at_, *row_as_of_ + options_.poll_period) : look_at_;
}

}  // namespace hedgerow::core
