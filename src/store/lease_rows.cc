#include <fmt/format.h>

#include "base/assert.h"
#include "store/rows.h"

#define HEDGEROW_LEASE_COLUMNS                                                         \
  "holder, incarnation, address, token, expires_us, lease_us, lease_max_us, safe_us, " \
  "released, epoch, scale, version"

namespace hedgerow::store {
namespace {

using ports::lease_action;
using ports::lease_request;
using ports::lease_row;

constexpr std::string_view read_sql =
    "SELECT " HEDGEROW_LEASE_COLUMNS " FROM hedgerow_lease WHERE grp = :grp";

// R8
constexpr std::string_view create_sql =
    "INSERT INTO hedgerow_lease(grp, " HEDGEROW_LEASE_COLUMNS
    ", acquired_us, renewed_us)"
    " SELECT :grp, :holder, :incarnation, :address, :token, :expires, :lease, :lease_max, :safe,"
    " :released, :epoch, :scale, :version, :earliest, :earliest"
    " WHERE store_epoch() = :epoch"
    " ON CONFLICT(grp) DO NOTHING"
    " RETURNING " HEDGEROW_LEASE_COLUMNS;

// R3, R5, F11. On the right of SET stand the values before the update.
constexpr std::string_view acquire_sql =
    "UPDATE hedgerow_lease SET holder = :holder, incarnation = :incarnation, address = :address,"
    " token = max(token + 1, :token), expires_us = :expires, lease_us = :lease, released = 0,"
    " safe_us = CASE WHEN epoch = :epoch THEN safe_us ELSE 0 END,"
    " acquired_us = :earliest, renewed_us = :earliest, epoch = :epoch, version = version + 1"
    " WHERE grp = :grp AND token = :observed AND scale = :scale AND store_epoch() = :epoch"
    " AND CASE WHEN epoch = :epoch THEN released OR expires_us < :earliest ELSE :waited END"
    " RETURNING " HEDGEROW_LEASE_COLUMNS;

// R6, R9
constexpr std::string_view renew_sql =
    "UPDATE hedgerow_lease SET expires_us = max(expires_us, :expires),"
    " renewed_us = max(renewed_us, :earliest)"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND NOT released"
    " AND epoch = :epoch AND store_epoch() = :epoch"
    " RETURNING " HEDGEROW_LEASE_COLUMNS;

// R7. Asks for no certain epoch, only that the file is still the store.
constexpr std::string_view release_sql =
    "UPDATE hedgerow_lease SET released = 1"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND store_epoch() <> ''"
    " RETURNING " HEDGEROW_LEASE_COLUMNS;

// F12
constexpr std::string_view repin_sql =
    "UPDATE hedgerow_lease SET epoch = :epoch, version = :version,"
    " expires_us = max(expires_us, :expires), renewed_us = max(renewed_us, :earliest)"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND NOT released"
    " AND version < :version AND store_epoch() = :epoch"
    " RETURNING " HEDGEROW_LEASE_COLUMNS;

std::string_view sql_of(lease_action action) {
  switch (action) {
    case lease_action::read:
      break;
    case lease_action::create:
      return create_sql;
    case lease_action::acquire:
      return acquire_sql;
    case lease_action::renew:
      return renew_sql;
    case lease_action::release:
      return release_sql;
    case lease_action::repin:
      return repin_sql;
  }
  return read_sql;
}

result<lease_row> decode(const statement& row) {
  lease_row lease;
  const auto incarnation = parse_incarnation(row.text(1));
  if (!incarnation)
    return fail(errc::store_unavailable,
                "malformed row in hedgerow_lease: incarnation is not 32 hexadecimal digits");
  lease.holder = row.text(0);
  lease.incarnation = *incarnation;
  lease.address = row.text(2);
  lease.token = row.integer(3);
  lease.expires = {row.integer(4)};
  lease.lease = microseconds(row.integer(5));
  lease.lease_max = microseconds(row.integer(6));
  lease.safe_after = {row.integer(7)};
  lease.released = row.integer(8) != 0;
  lease.epoch = row.text(9);
  lease.scale = row.text(10);
  lease.version = row.integer(11);
  return lease;
}

}  // namespace

sql_result<std::optional<lease_row>> read_lease(sqlite3* db, std::string_view group) {
  auto query = statement::prepare(db, read_sql);
  if (!query) return tl::unexpected(query.error());
  return query->bind(":grp", group).fetch<lease_row>(decode);
}

sql_result<std::optional<lease_row>> write_lease(sqlite3* db, std::string_view group,
                                                 const lease_request& request) {
  HEDGEROW_ASSERT(request.action != lease_action::read);
  auto update = statement::prepare(db, sql_of(request.action));
  if (!update) return tl::unexpected(update.error());
  const lease_row& row = request.row;
  update->bind(":grp", group)
      .bind(":holder", row.holder)
      .bind(":incarnation", to_string(row.incarnation))
      .bind(":address", row.address)
      .bind(":token", row.token)
      .bind(":expires", row.expires.us)
      .bind(":lease", row.lease.count())
      .bind(":lease_max", row.lease_max.count())
      .bind(":safe", row.safe_after.us)
      .bind(":released", row.released ? 1 : 0)
      .bind(":epoch", row.epoch)
      .bind(":scale", row.scale)
      .bind(":version", row.version)
      .bind(":observed", request.observed)
      .bind(":earliest", request.earliest.us)
      .bind(":waited", request.waited ? 1 : 0);
  return update->fetch<lease_row>(decode);
}

}  // namespace hedgerow::store
