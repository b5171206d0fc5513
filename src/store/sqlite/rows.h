#pragma once
// The lease's and the view's statements (ports/store.h says what each does and when). They run on a
// connection that has the tables; the writes also need the SQL function store_epoch().

#include <optional>
#include <string_view>

#include "store/connection.h"
#include "store/sqlite/statement.h"

namespace hedgerow::store::sqlite {

sql_result<std::optional<ports::lease_row>> read_lease(sqlite3* db, const row_key& key);
sql_result<std::optional<ports::view_row>> read_view(sqlite3* db, std::string_view group);

// One autocommitted statement; the row as it left it, or nothing if its condition did not hold.
// Requires: the action is not `read`.
sql_result<std::optional<ports::lease_row>> write_lease(sqlite3* db, const row_key& key,
                                                        const ports::lease_request& request);
sql_result<std::optional<ports::view_row>> write_view(sqlite3* db, std::string_view group,
                                                      const ports::view_request& request);

}  // namespace hedgerow::store::sqlite
