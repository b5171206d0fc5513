#include <string>

#include "base/assert.h"
#include "store/sqlite/rows.h"

namespace hedgerow::store::sqlite {
namespace {

using ports::lease_action;
using ports::lease_request;
using ports::lease_row;

// TABLE stands for the table of the key's kind, COLUMNS for the fields of lease_row.
constexpr std::string_view columns =
    "holder, incarnation, address, machine, token, expires_us, lease_us, lease_max_us, safe_us, "
    "released, epoch, scale, version";

constexpr std::string_view read_sql = "SELECT COLUMNS FROM TABLE WHERE grp = :grp";

// R8
constexpr std::string_view create_sql =
    "INSERT INTO TABLE(grp, COLUMNS, acquired_us, renewed_us)"
    " SELECT :grp, :holder, :incarnation, :address, :machine, :token, :expires, :lease, :lease_max,"
    " :safe, :released, :epoch, :scale, :version, :earliest, :earliest"
    " WHERE store_epoch() = :epoch"
    " ON CONFLICT(grp) DO NOTHING"
    " RETURNING COLUMNS";

// R3, R5, F11. On the right of SET stand the values before the update.
constexpr std::string_view acquire_sql =
    "UPDATE TABLE SET holder = :holder, incarnation = :incarnation, address = :address,"
    " machine = :machine,"
    " token = max(token + 1, :token), expires_us = :expires, lease_us = :lease, released = 0,"
    " safe_us = CASE WHEN epoch = :epoch THEN safe_us ELSE 0 END,"
    " acquired_us = :earliest, renewed_us = :earliest, epoch = :epoch, version = version + 1"
    " WHERE grp = :grp AND token = :observed AND scale = :scale AND store_epoch() = :epoch"
    " AND CASE WHEN epoch = :epoch THEN released OR expires_us < :earliest ELSE :waited END"
    " RETURNING COLUMNS";

// R6, R9
constexpr std::string_view renew_sql =
    "UPDATE TABLE SET expires_us = max(expires_us, :expires),"
    " renewed_us = max(renewed_us, :earliest)"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND NOT released"
    " AND epoch = :epoch AND store_epoch() = :epoch"
    " RETURNING COLUMNS";

// R7. Asks for no certain epoch, only that the file is still the store.
constexpr std::string_view release_sql =
    "UPDATE TABLE SET released = 1"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND store_epoch() <> ''"
    " RETURNING COLUMNS";

// F12
constexpr std::string_view repin_sql =
    "UPDATE TABLE SET epoch = :epoch, version = :version,"
    " expires_us = max(expires_us, :expires), renewed_us = max(renewed_us, :earliest)"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND NOT released"
    " AND version < :version AND store_epoch() = :epoch"
    " RETURNING COLUMNS";

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

std::string sql_for(lease_action action, row_kind kind) {
  std::string sql(sql_of(action));
  const auto fill_in = [&sql](std::string_view word, std::string_view text) {
    for (auto at = sql.find(word); at != sql.npos; at = sql.find(word))
      sql.replace(at, word.size(), text);
  };
  fill_in("COLUMNS", columns);
  fill_in("TABLE", kind == row_kind::group ? "hedgerow_lease" : "hedgerow_lock");
  return sql;
}

result<lease_row> decode(const statement& row) {
  lease_row lease;
  const auto incarnation = parse_incarnation(row.text(1));
  if (!incarnation)
    return fail(errc::store_unavailable,
                "malformed row of a lease: incarnation is not 32 hexadecimal digits");
  lease.holder = row.text(0);
  lease.incarnation = *incarnation;
  lease.address = row.text(2);
  lease.machine = row.text(3);
  lease.token = row.integer(4);
  lease.expires = {row.integer(5)};
  lease.lease = microseconds(row.integer(6));
  lease.lease_max = microseconds(row.integer(7));
  lease.safe_after = {row.integer(8)};
  lease.released = row.integer(9) != 0;
  lease.epoch = row.text(10);
  lease.scale = row.text(11);
  lease.version = row.integer(12);
  return lease;
}

}  // namespace

sql_result<std::optional<lease_row>> read_lease(sqlite3* db, const row_key& key) {
  auto query = statement::prepare(db, sql_for(lease_action::read, key.kind));
  if (!query) return tl::unexpected(query.error());
  return query->bind(":grp", key.name).fetch<lease_row>(decode);
}

sql_result<std::optional<lease_row>> write_lease(sqlite3* db, const row_key& key,
                                                 const lease_request& request) {
  HEDGEROW_ASSERT(request.action != lease_action::read);
  auto update = statement::prepare(db, sql_for(request.action, key.kind));
  if (!update) return tl::unexpected(update.error());
  const lease_row& row = request.row;
  update->bind(":grp", key.name)
      .bind(":holder", row.holder)
      .bind(":incarnation", to_string(row.incarnation))
      .bind(":address", row.address)
      .bind(":machine", row.machine)
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

}  // namespace hedgerow::store::sqlite
