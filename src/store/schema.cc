#include "store/schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "store/statement.h"

namespace hedgerow::store {
namespace {

// The CASE keeps one group's damaged row from hiding all others.
constexpr const char* create_sql = R"sql(
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS hedgerow_schema(version INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS hedgerow_lease(
  grp TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  address TEXT NOT NULL,
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
) STRICT;
CREATE TABLE IF NOT EXISTS hedgerow_view(
  grp TEXT NOT NULL PRIMARY KEY,
  token INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  members TEXT NOT NULL,
  removed TEXT NOT NULL
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
  SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM hedgerow_schema);
COMMIT;
)sql";

sql_result<std::optional<std::int64_t>> number(sqlite3* db, std::string_view sql) {
  auto query = statement::prepare(db, sql);
  if (!query) return tl::unexpected(query.error());
  return query->fetch<std::int64_t>(
      [](const statement& row) { return result<std::int64_t>(row.integer(0)); });
}

tl::unexpected<error> unavailable(const sql_error& why) {
  return fail(errc::store_unavailable, why.text);
}

}  // namespace

result<bool> check_schema(sqlite3* db) {
  const auto tables =
      number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'hedgerow_schema'");
  if (!tables) return unavailable(tables.error());
  if (tables->value_or(0) == 0) return false;
  const auto version = number(db, "SELECT max(version) FROM hedgerow_schema");
  if (!version) return unavailable(version.error());
  const std::int64_t found = version->value_or(0);
  if (found == schema_version) return true;
  const char* file = sqlite3_db_filename(db, "main");
  return fail(
      errc::not_supported,
      fmt::format("the store {} has tables of version {}, this program knows version {}: {}", file,
                  found, schema_version,
                  found > schema_version
                      ? "a newer Hedgerow made them; upgrade this one"
                      : "they are damaged; stop the agents and move the file away"));
}

result<void> ensure_schema(sqlite3* db) {
  auto there = check_schema(db);
  if (!there) return tl::unexpected(there.error());
  if (*there) return {};
  if (auto made = run_script(db, create_sql); !made) {
    if (sqlite3_get_autocommit(db) == 0) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    return unavailable(made.error());
  }
  if (there = check_schema(db); !there) return tl::unexpected(there.error());
  return {};
}

}  // namespace hedgerow::store
