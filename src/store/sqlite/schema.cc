#include "store/sqlite/schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "store/sqlite/statement.h"

namespace hedgerow::store::sqlite {
namespace {

// LEASE stands for the columns that a group's and a lock's lease have in common.
constexpr std::string_view lease_columns = R"sql(
  grp TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  address TEXT NOT NULL,
  machine TEXT NOT NULL DEFAULT '',
  token INTEGER NOT NULL,
  expires_us INTEGER NOT NULL,
  lease_us INTEGER NOT NULL,
  lease_max_us INTEGER NOT NULL,
  safe_us INTEGER NOT NULL,
  released INTEGER NOT NULL,
  acquired_us INTEGER NOT NULL,
  renewed_us INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  scale TEXT NOT NULL,
  version INTEGER NOT NULL
)sql";

// The CASE keeps one group's damaged row from hiding all others.
constexpr std::string_view create_sql = R"sql(
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS hedgerow_schema(version INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS hedgerow_lease(LEASE) STRICT;
CREATE TABLE IF NOT EXISTS hedgerow_lock(LEASE) STRICT;
CREATE TABLE IF NOT EXISTS hedgerow_view(
  grp TEXT NOT NULL PRIMARY KEY,
  token INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  members TEXT NOT NULL,
  removed TEXT NOT NULL,
  list_token INTEGER NOT NULL
) STRICT;
CREATE VIEW IF NOT EXISTS hedgerow_members AS
  SELECT v.grp AS grp,
         json_extract(m.value, '$.name') AS name,
         json_extract(m.value, '$.address') AS address,
         json_extract(m.value, '$.incarnation') AS incarnation,
         json_extract(m.value, '$.state') AS state,
         json_extract(m.value, '$.health') AS health,
         json_extract(m.value, '$.zone') AS zone,
         json_extract(m.value, '$.tags') AS tags,
         v.token AS token,
         v.sequence AS sequence
    FROM hedgerow_view v,
         json_each(CASE WHEN json_valid(v.members) THEN v.members ELSE '[]' END) m;
INSERT INTO hedgerow_schema(version)
  SELECT 3 WHERE NOT EXISTS (SELECT 1 FROM hedgerow_schema);
COMMIT;
)sql";

// From version 1: adds what it lacks. Whoever comes second finds the condition false.
constexpr std::string_view upgrade_1_sql = R"sql(
BEGIN IMMEDIATE;
ALTER TABLE hedgerow_lease ADD COLUMN machine TEXT NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS hedgerow_lock(LEASE) STRICT;
UPDATE hedgerow_schema SET version = 2 WHERE version = 1;
COMMIT;
)sql";

constexpr std::string_view upgrade_2_sql = R"sql(
BEGIN IMMEDIATE;
ALTER TABLE hedgerow_view ADD COLUMN list_token INTEGER NOT NULL DEFAULT 0;
UPDATE hedgerow_schema SET version = 3 WHERE version = 2;
COMMIT;
)sql";

std::string with_lease_columns(std::string_view sql) {
  std::string text(sql);
  for (auto at = text.find("LEASE)"); at != text.npos; at = text.find("LEASE)"))
    text.replace(at, 5, lease_columns);
  return text;
}

sql_result<std::optional<std::int64_t>> number(sqlite3* db, std::string_view sql) {
  auto query = statement::prepare(db, sql);
  if (!query) return tl::unexpected(query.error());
  return query->fetch<std::int64_t>(
      [](const statement& row) { return result<std::int64_t>(row.integer(0)); });
}

tl::unexpected<error> unavailable(const sql_error& why) {
  return fail(errc::store_unavailable, why.text);
}

result<void> run_or_roll_back(sqlite3* db, std::string_view sql) {
  if (auto made = run_script(db, with_lease_columns(sql).c_str()); !made) {
    if (sqlite3_get_autocommit(db) == 0) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    return unavailable(made.error());
  }
  return {};
}

// Nothing: there are no tables yet.
result<std::optional<std::int64_t>> version_of(sqlite3* db) {
  const auto tables =
      number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'hedgerow_schema'");
  if (!tables) return unavailable(tables.error());
  if (tables->value_or(0) == 0) return std::nullopt;
  const auto version = number(db, "SELECT max(version) FROM hedgerow_schema");
  if (!version) return unavailable(version.error());
  return version->value_or(0);
}

// The tables that are not there, "" if all are.
result<std::string> missing_tables(sqlite3* db) {
  auto query = statement::prepare(db,
                                  "SELECT coalesce(group_concat(column1, ', '), '')"
                                  " FROM (VALUES ('hedgerow_lease'), ('hedgerow_lock'), "
                                  "('hedgerow_view'), ('hedgerow_members'))"
                                  " WHERE column1 NOT IN (SELECT name FROM sqlite_schema)");
  if (!query) return unavailable(query.error());
  auto names = query->fetch<std::string>(
      [](const statement& row) { return result<std::string>(row.text(0)); });
  if (!names) return unavailable(names.error());
  return std::move(*names).value_or("");
}

tl::unexpected<error> wrong_version(sqlite3* db, std::int64_t found) {
  const char* what = "they are damaged; stop the agents and move the file away";
  if (found > schema_version) what = "a newer Hedgerow made them; upgrade this one";
  if (found > 0 && found < schema_version) what = "start an agent of this version to upgrade them";
  return fail(errc::not_supported,
              fmt::format("the store {} has tables of version {}, this program knows version {}: "
                          "{}",
                          sqlite3_db_filename(db, "main"), found, schema_version, what));
}

}  // namespace

result<bool> check_schema(sqlite3* db) {
  const auto found = version_of(db);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return false;
  if (**found != schema_version) return wrong_version(db, **found);
  const auto missing = missing_tables(db);
  if (!missing) return tl::unexpected(missing.error());
  if (missing->empty()) return true;
  return fail(errc::store_unavailable,
              fmt::format("the store {} lacks {}, which somebody has dropped: an agent that runs "
                          "makes it anew; start one with `hedgerow agent`",
                          sqlite3_db_filename(db, "main"), *missing));
}

result<void> ensure_schema(sqlite3* db) {
  const auto found = version_of(db);
  if (!found) return tl::unexpected(found.error());
  const auto missing = missing_tables(db);
  if (!missing) return tl::unexpected(missing.error());
  if (!*found || (**found == schema_version && !missing->empty())) {
    if (auto made = run_or_roll_back(db, create_sql); !made) return made;
  } else {
    for (auto version = **found; version == 1 || version == 2; ++version) {
      // Another process may do the same at this moment: then the column is there already.
      auto upgraded = run_or_roll_back(db, version == 1 ? upgrade_1_sql : upgrade_2_sql);
      if (!upgraded && version_of(db).value_or(version).value_or(version) == version)
        return upgraded;
    }
  }
  if (auto there = check_schema(db); !there) return tl::unexpected(there.error());
  return {};
}

}  // namespace hedgerow::store::sqlite
