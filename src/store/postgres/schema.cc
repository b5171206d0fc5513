#include "store/postgres/schema.h"

#include <string_view>

#include <fmt/format.h>

namespace hedgerow::store::postgres {
namespace {

// LEASE stands for the columns that a group's and a lock's lease have in common. Half of each page
// is left free, so that updates stay within it (HOT) and vacuum has next to nothing to do.
constexpr std::string_view lease_columns = R"(
  grp text NOT NULL PRIMARY KEY,
  holder text NOT NULL,
  incarnation text NOT NULL,
  address text NOT NULL,
  machine text NOT NULL DEFAULT '',
  token bigint NOT NULL,
  expires_us bigint NOT NULL,
  lease_us bigint NOT NULL,
  lease_max_us bigint NOT NULL,
  safe_us bigint NOT NULL,
  released boolean NOT NULL,
  acquired_us bigint NOT NULL,
  renewed_us bigint NOT NULL,
  epoch text NOT NULL,
  scale text NOT NULL,
  version bigint NOT NULL
)";

constexpr std::string_view tables_sql = R"(
CREATE TABLE IF NOT EXISTS hedgerow_schema(version integer NOT NULL);
CREATE TABLE IF NOT EXISTS hedgerow_lease(LEASE) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS hedgerow_lock(LEASE) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS hedgerow_view(
  grp text NOT NULL PRIMARY KEY,
  token bigint NOT NULL,
  sequence bigint NOT NULL,
  epoch text NOT NULL,
  members text NOT NULL CHECK (CAST(members AS json) IS NOT NULL),
  removed text NOT NULL CHECK (CAST(removed AS json) IS NOT NULL),
  list_token bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS hedgerow_timeline(
  timeline text NOT NULL PRIMARY KEY,
  nonce text NOT NULL
);
CREATE OR REPLACE VIEW hedgerow_members AS
  SELECT v.grp AS grp,
         m.value->>'name' AS name,
         m.value->>'address' AS address,
         m.value->>'incarnation' AS incarnation,
         m.value->>'state' AS state,
         m.value->>'health' AS health,
         m.value->>'zone' AS zone,
         m.value->>'tags' AS tags,
         v.token AS token,
         v.sequence AS sequence
    FROM hedgerow_view v, json_array_elements(CAST(v.members AS json)) m(value);
INSERT INTO hedgerow_schema(version)
  SELECT 4 WHERE NOT EXISTS (SELECT 1 FROM hedgerow_schema);
)";

std::string all_tables() {
  std::string sql(tables_sql);
  for (auto at = sql.find("LEASE)"); at != sql.npos; at = sql.find("LEASE)"))
    sql.replace(at, 5, lease_columns);
  return sql;
}

std::string quoted(const std::string& identifier) {
  std::string text = "\"";
  for (const char c : identifier)
    text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

error error_of(const sql_error& why) {
  const bool theirs = why.sqlstate == "42501" || why.sqlstate == "3F000";
  return {theirs ? errc::store_refused : errc::store_unavailable, why.text};
}

tl::unexpected<error> wrong_version(const session& in, std::int64_t found) {
  return fail(
      errc::not_supported,
      fmt::format("the store {} has tables of version {}, this program knows version {}: {}",
                  in.name(), found, schema_version,
                  found > schema_version ? "a newer Hedgerow made them; upgrade this one"
                                         : "an older Hedgerow made them; stop all its agents, then "
                                           "have the tables' owner drop them"));
}

result<void> create(session& in, boot_time deadline) {
  // One after the other: two that create the same table at once would not both find it there.
  const auto made = in.run_script(
      "SELECT pg_advisory_xact_lock(hashtext('hedgerow_schema'));" + all_tables(), deadline);
  if (made) return {};
  error why = error_of(made.error());
  if (why.code == errc::store_refused)
    why.context = fmt::format(
        "the store {} has no tables for Hedgerow, and this role may not "
        "create any: have the output of `hedgerow store sql --role ROLE` run "
        "by the database's owner",
        in.name());
  return tl::unexpected(std::move(why));
}

// What is there must survive a crash, and be ours to use.
result<void> check_use(session& in, boot_time deadline) {
  const auto found = in.run(
      statement("SELECT c.relname, c.relpersistence = 'p',"
                " has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
                " AND (c.relname = 'hedgerow_timeline' OR has_table_privilege(c.oid, 'UPDATE'))"
                " FROM pg_class c WHERE c.oid IN (to_regclass('hedgerow_lease'),"
                " to_regclass('hedgerow_lock'), to_regclass('hedgerow_view'),"
                " to_regclass('hedgerow_timeline'))"),
      deadline);
  if (!found) return tl::unexpected(error_of(found.error()));
  if (found->count() != 4)
    return fail(errc::store_refused,
                fmt::format("the store {} lacks some of Hedgerow's tables: have the output of "
                            "`hedgerow store sql` run by their owner",
                            in.name()));
  for (int i = 0; i < found->count(); ++i) {
    const row table = found->at(i);
    if (!table.boolean(1))
      return fail(
          errc::store_refused,
          fmt::format("the table {} of the store {} is UNLOGGED: a crash of the server would "
                      "empty it under a live leader; ALTER TABLE {} SET LOGGED",
                      table.text(0), in.name(), table.text(0)));
    if (!table.boolean(2))
      return fail(
          errc::store_refused,
          fmt::format("this role lacks SELECT, INSERT or UPDATE on the table {} of the store "
                      "{}: have the output of `hedgerow store sql --role ROLE` run by its "
                      "owner",
                      table.text(0), in.name()));
  }
  return {};
}

}  // namespace

result<bool> check_tables(session& in, boot_time deadline) {
  const auto there =
      in.run(statement("SELECT to_regclass('hedgerow_schema') IS NOT NULL"), deadline);
  if (!there) return tl::unexpected(error_of(there.error()));
  if (!there->at(0).boolean(0)) return false;
  const auto version = in.run(statement("SELECT max(version) FROM hedgerow_schema"), deadline);
  if (!version) return tl::unexpected(error_of(version.error()));
  const std::int64_t found = version->at(0).integer(0);
  if (found != schema_version) return wrong_version(in, found);
  return true;
}

result<void> ensure_tables(session& in, boot_time deadline) {
  auto there = check_tables(in, deadline);
  if (!there) return tl::unexpected(there.error());
  if (!*there) {
    if (auto made = create(in, deadline); !made) return made;
    if (there = check_tables(in, deadline); !there) return tl::unexpected(there.error());
  }
  return check_use(in, deadline);
}

std::string setup_sql(const std::string& role) {
  std::string sql =
      "-- Hedgerow's tables, version 3. Run once, as their owner-to-be. Running it "
      "again changes nothing.\nBEGIN;" +
      all_tables();
  if (!role.empty()) {
    // No DELETE and no TRUNCATE: a row that is deleted could hide a live leader.
    sql += fmt::format(
        "GRANT SELECT ON hedgerow_schema, hedgerow_members TO {0};\n"
        "GRANT SELECT, INSERT, UPDATE ON hedgerow_lease, hedgerow_lock, hedgerow_view TO {0};\n"
        "GRANT SELECT, INSERT ON hedgerow_timeline TO {0};\n",
        quoted(role));
  }
  return sql + "COMMIT;\n";
}

}  // namespace hedgerow::store::postgres
