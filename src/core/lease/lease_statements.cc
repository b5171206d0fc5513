// What the lease core asks of the store. The conditions are the statements' own (ports/store.h).

#include <algorithm>

#include "base/mutant.h"
#include "base/probe.h"
#include "core/lease/lease.h"

namespace hedgerow::core {
namespace {

using ports::lease_action;

}  // namespace

ports::lease_row lease::own_row(const reading& now) const {
  return {.holder = self_.name,
          .incarnation = self_.incarnation,
          .address = self_.address,
          .machine = self_.machine,
          .expires = now.truth.latest + options_.lease,  // R4
          .lease = options_.lease,
          .safe_after = {},
          .epoch = epoch_,
          .scale = self_.scale};
}

void lease::submit(const reading& now, ports::lease_request request, lease_effects& out) {
  if (request.earliest == instant{}) request.earliest = now.truth.earliest;
  const nanoseconds patience = options_.attempt_patience();
  if (request.action == lease_action::read) looked_at_ = now.boot;
  look_at_ = boot_time::never();
  pending_ =
      pending{++last_id_, request.action, request.row.expires, now.boot, now.boot + patience};
  out.emplace_back(lease_effect::submit{last_id_, std::move(request), patience});
}

void lease::submit_create(const reading& now, lease_effects& out) {
  ports::lease_request request{.action = lease_action::create, .row = own_row(now)};
  auto& row = request.row;
  row.lease_max = lease_max();
  row.token = std::max(now.truth.token_hint + 2 * options_.max_error.count(), seen_ + 1);  // R5, R9
  // Nobody's yet. It may be executed at any time, over a row that is missing since much later, and
  // so can't say how long to wait: whoever takes it has seen it first.
  row.released = true;
  if (HEDGEROW_MUTANT(create_takes)) {
    row.released = false;
    row.safe_after = now.truth.latest + row.lease_max + 2 * options_.max_error;
    row.version = 1;
  }
  submit(now, std::move(request), out);
}

void lease::submit_acquire(const reading& now, lease_effects& out) {
  takeable_since_.reset();
  ports::lease_request request{.action = lease_action::acquire,
                               .row = own_row(now),
                               .observed = row_->token,
                               .earliest = now.truth.earliest,
                               .waited = foreign_wait_over(now.truth)};
  if (HEDGEROW_MUTANT(take_by_latest)) request.earliest = now.truth.latest;
  if (HEDGEROW_MUTANT(take_foreign_at_once) || HEDGEROW_MUTANT(wait_after_take))
    request.waited = true;
  // The hint is of this reading, after the wait: a token chosen earlier may be behind (F11).
  request.row.token = now.truth.token_hint;
  // R8, if nobody has held it yet: it may be there in place of one that was deleted under a live
  // lease.
  if (!HEDGEROW_MUTANT(create_without_cool_off))
    request.row.safe_after = now.truth.latest + lease_max() + 2 * options_.max_error;
  if (row_->epoch != epoch_ || row_->version == 0)
    request.row.token += 2 * options_.max_error.count();       // R8, R9
  request.row.token = std::max(request.row.token, seen_ + 1);  // R5
  HEDGEROW_PROBE_IF(request.row.token == seen_ + 1, lease_token_beyond_clock);
  if (HEDGEROW_MUTANT(token_restarts)) request.row.token = 0;
  submit(now, std::move(request), out);
}

void lease::submit_renew(const reading& now, lease_effects& out) {
  if (!trusted(now.truth)) {
    HEDGEROW_PROBE(lease_renewal_waits_for_clock);
    held_->renew_at = now.boot + clock_retry;
    return;
  }
  ports::lease_request request{.action = lease_action::renew, .row = own_row(now)};
  request.row.token = held_->token;
  if (held_->epoch != epoch_) {
    // F12: only a holder that may act on this reading, taken after the epoch was seen.
    if (!may_act(now.truth) && !HEDGEROW_MUTANT(repin_after_expiry)) {
      HEDGEROW_PROBE(lease_repin_forbidden);
      drop("the store's epoch changed while the lease could not be used", out);
      return;
    }
    request.action = lease_action::repin;
    request.row.version = ++version_used_;
    request.row.expires = std::max(request.row.expires, held_->expires);
  }
  held_->renew_at = now.boot + options_.renew_period();
  submit(now, std::move(request), out);
}

void lease::submit_release(const reading& now, lease_effects& out) {
  if (now.boot >= releasing_->give_up) {
    HEDGEROW_PROBE(lease_release_given_up);
    releasing_.reset();
    return;
  }
  const nanoseconds patience = options_.attempt_patience();
  releasing_->id = ++last_id_;
  releasing_->sent = now.boot;
  releasing_->deadline = now.boot + patience;
  ports::lease_request request{.action = lease_action::release};
  request.row.token = releasing_->token;
  request.row.incarnation = self_.incarnation;
  out.emplace_back(lease_effect::submit{last_id_, std::move(request), patience});
}

}  // namespace hedgerow::core
