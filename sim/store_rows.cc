#include "sim/store_rows.h"

#include <algorithm>

#include "base/mutant.h"

namespace hedgerow::sim {
namespace {

using ports::lease_action;
using ports::lease_request;
using ports::view_action;

bool create(store_rows& rows, const lease_request& q) {
  if (rows.lease || rows.epoch != q.row.epoch) return false;
  rows.lease = q.row;
  return true;
}

bool acquire(store_rows& rows, const lease_request& q) {
  if (!rows.lease) return false;
  auto& row = *rows.lease;
  if (row.token != q.observed || row.scale != q.row.scale) return false;
  if (rows.epoch != q.row.epoch && !HEDGEROW_MUTANT(take_unpinned)) return false;
  const bool foreign = row.epoch != rows.epoch;
  const bool over = row.released || row.expires < q.earliest;
  if (foreign ? !q.waited : !over) return false;
  row.holder = q.row.holder;
  row.incarnation = q.row.incarnation;
  row.address = q.row.address;
  row.machine = q.row.machine;
  row.expires = q.row.expires;
  row.lease = q.row.lease;
  row.scale = q.row.scale;
  row.token = std::max(row.token + 1, q.row.token);
  if (row.version == 0) row.safe_after = q.row.safe_after;
  if (foreign) row.safe_after = {};
  row.version += 1;
  row.released = false;
  row.epoch = rows.epoch;
  return true;
}

bool is_holder(const store_rows& rows, const lease_request& q) {
  return rows.lease && rows.lease->token == q.row.token &&
         rows.lease->incarnation == q.row.incarnation;
}

bool renew(store_rows& rows, const lease_request& q) {
  if (!is_holder(rows, q) || rows.lease->released) return false;
  if (rows.lease->epoch != q.row.epoch || rows.epoch != q.row.epoch) return false;
  auto& expires = rows.lease->expires;
  expires = HEDGEROW_MUTANT(renew_lowers_expiry) ? q.row.expires : std::max(expires, q.row.expires);
  return true;
}

bool release(store_rows& rows, const lease_request& q) {
  if (!is_holder(rows, q)) return false;
  rows.lease->released = true;
  return true;
}

bool repin(store_rows& rows, const lease_request& q) {
  if (!is_holder(rows, q) || rows.lease->released) return false;
  if (rows.lease->version >= q.row.version || rows.epoch != q.row.epoch) return false;
  rows.lease->epoch = q.row.epoch;
  rows.lease->version = q.row.version;
  rows.lease->expires = std::max(rows.lease->expires, q.row.expires);
  return true;
}

}  // namespace

ports::lease_reply store_rows::execute(const lease_request& q) {
  bool applied = true;
  switch (q.action) {
    case lease_action::read:
      break;
    case lease_action::create:
      applied = create(*this, q);
      break;
    case lease_action::acquire:
      applied = acquire(*this, q);
      break;
    case lease_action::renew:
      applied = renew(*this, q);
      break;
    case lease_action::release:
      applied = release(*this, q);
      break;
    case lease_action::repin:
      applied = repin(*this, q);
      break;
  }
  return {ports::store_outcome::done, applied, lease, epoch, {}};
}

ports::view_reply store_rows::execute(const ports::view_request& q) {
  bool applied = true;
  switch (q.action) {
    case view_action::read:
      break;
    case view_action::claim:
      if (!view) {
        view.emplace();
        view->id.token = q.row.id.token;
        view->epoch = q.row.epoch;
      } else if (view->id.token < q.row.id.token) {
        view->list_token = view->list_id().token;
        view->id.token = q.row.id.token;
      } else {
        applied = false;
      }
      break;
    case view_action::commit:
      applied = view && (view->id == q.expected || HEDGEROW_MUTANT(commit_without_claim));
      if (applied) view = q.row;
      break;
  }
  return {ports::store_outcome::done, applied, view, epoch, {}};
}

}  // namespace hedgerow::sim
