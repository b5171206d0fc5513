#include "store/statements.h"

#include <string_view>

namespace hedgerow::store {
namespace {

using ports::lease_action;
using ports::view_action;

// In what follows, TABLE stands for the table of the key's kind, COLUMNS for these.
constexpr std::string_view lease_columns =
    "holder, incarnation, address, machine, token, expires_us, lease_us, lease_max_us, safe_us, "
    "released, epoch, scale, version";
constexpr std::string_view view_columns = "token, sequence, epoch, members, removed, list_token";

constexpr std::string_view read_lease = "SELECT COLUMNS FROM TABLE WHERE grp = :grp";

// R8. Not of a reading that may be old by now: the wait begins with the first take.
constexpr std::string_view create =
    "INSERT INTO TABLE(grp, COLUMNS, acquired_us, renewed_us)"
    " SELECT :grp, :holder, :incarnation, :address, :machine, CAST(:token AS bigint),"
    " CAST(:expires AS bigint), CAST(:lease AS bigint), CAST(:lease_max AS bigint),"
    " CAST(:safe AS bigint), CAST(:released AS boolean), :epoch, :scale, CAST(:version AS bigint),"
    " CAST(:earliest AS bigint), CAST(:earliest AS bigint)"
    " WHERE store_epoch() = :epoch"
    " ON CONFLICT(grp) DO NOTHING"
    " RETURNING COLUMNS";

// R3, R5, R8, F11. On the right of SET stand the values before the update.
constexpr std::string_view acquire =
    "UPDATE TABLE SET holder = :holder, incarnation = :incarnation, address = :address,"
    " machine = :machine,"
    " token = GREATEST(token + 1, :token), expires_us = :expires, lease_us = :lease,"
    " released = FALSE, safe_us = CASE WHEN epoch <> :epoch THEN 0"
    " WHEN version = 0 THEN CAST(:safe AS bigint) ELSE safe_us END,"
    " acquired_us = :earliest, renewed_us = :earliest, epoch = :epoch, version = version + 1"
    " WHERE grp = :grp AND token = :observed AND scale = :scale AND store_epoch() = :epoch"
    " AND CASE WHEN epoch = :epoch THEN released OR expires_us < :earliest"
    " ELSE CAST(:waited AS boolean) END"
    " RETURNING COLUMNS";

// R6, R9
constexpr std::string_view renew =
    "UPDATE TABLE SET expires_us = GREATEST(expires_us, :expires),"
    " renewed_us = GREATEST(renewed_us, :earliest)"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND NOT released"
    " AND epoch = :epoch AND store_epoch() = :epoch"
    " RETURNING COLUMNS";

// R7. Asks for no certain epoch, only that the store is still there.
constexpr std::string_view release =
    "UPDATE TABLE SET released = TRUE"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND store_epoch() <> ''"
    " RETURNING COLUMNS";

// F12
constexpr std::string_view repin =
    "UPDATE TABLE SET epoch = :epoch, version = :version,"
    " expires_us = GREATEST(expires_us, :expires), renewed_us = GREATEST(renewed_us, :earliest)"
    " WHERE grp = :grp AND token = :token AND incarnation = :incarnation AND NOT released"
    " AND version < :version AND store_epoch() = :epoch"
    " RETURNING COLUMNS";

constexpr std::string_view read_view = "SELECT COLUMNS FROM TABLE WHERE grp = :grp";

constexpr std::string_view claim =
    "INSERT INTO TABLE(grp, COLUMNS)"
    " SELECT :grp, CAST(:token AS bigint), 0, :epoch, '[]', '[]', 0 WHERE store_epoch() <> ''"
    " ON CONFLICT(grp) DO UPDATE SET token = excluded.token,"
    " list_token = CASE WHEN TABLE.list_token = 0 THEN TABLE.token ELSE TABLE.list_token END"
    " WHERE TABLE.token < excluded.token"
    " RETURNING COLUMNS";

constexpr std::string_view commit =
    "UPDATE TABLE SET token = :token, sequence = :sequence, epoch = :epoch,"
    " members = :members, removed = :removed, list_token = 0"
    " WHERE grp = :grp AND token = :seen_token AND sequence = :seen_sequence"
    " AND store_epoch() <> ''"
    " RETURNING COLUMNS";

std::string_view template_of(lease_action action) {
  switch (action) {
    case lease_action::read:
      break;
    case lease_action::create:
      return create;
    case lease_action::acquire:
      return acquire;
    case lease_action::renew:
      return renew;
    case lease_action::release:
      return release;
    case lease_action::repin:
      return repin;
  }
  return read_lease;
}

std::string_view template_of(view_action action) {
  switch (action) {
    case view_action::read:
      break;
    case view_action::claim:
      return claim;
    case view_action::commit:
      return commit;
  }
  return read_view;
}

std::string fill_in(std::string_view text, std::string_view table, std::string_view columns) {
  std::string sql(text);
  const auto replace = [&sql](std::string_view word, std::string_view by) {
    for (auto at = sql.find(word); at != sql.npos; at = sql.find(word, at + by.size()))
      sql.replace(at, word.size(), by);
  };
  replace("COLUMNS", columns);
  replace("TABLE", table);
  return sql;
}

}  // namespace

std::string lease_sql(lease_action action, row_kind kind) {
  return fill_in(template_of(action), kind == row_kind::group ? "hedgerow_lease" : "hedgerow_lock",
                 lease_columns);
}

std::string view_sql(view_action action) {
  return fill_in(template_of(action), "hedgerow_view", view_columns);
}

}  // namespace hedgerow::store
