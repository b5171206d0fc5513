#include "store/sqlite/rows.h"

#include "store/statements.h"

namespace hedgerow::store::sqlite {
namespace {

// SQLite's max() of two values is PostgreSQL's GREATEST().
std::string in_sqlite(std::string sql) {
  constexpr std::string_view greatest = "GREATEST(";
  for (auto at = sql.find(greatest); at != sql.npos; at = sql.find(greatest))
    sql.replace(at, greatest.size(), "max(");
  return sql;
}

}  // namespace

sql_result<std::optional<ports::lease_row>> run_lease(sqlite3* db, const row_key& key,
                                                      const ports::lease_request& request) {
  auto made = statement::prepare(db, in_sqlite(lease_sql(request.action, key.kind)));
  if (!made) return tl::unexpected(made.error());
  bind_lease(*made, key, request);
  return made->fetch<ports::lease_row>(decode_lease<statement>);
}

sql_result<std::optional<ports::view_row>> run_view(sqlite3* db, const row_key& key,
                                                    const ports::view_request& request) {
  auto made = statement::prepare(db, in_sqlite(view_sql(request.action)));
  if (!made) return tl::unexpected(made.error());
  bind_view(*made, key, request);
  return made->fetch<ports::view_row>(decode_view<statement>);
}

}  // namespace hedgerow::store::sqlite
