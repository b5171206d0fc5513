#pragma once
// The statements of statements.h on a connection that has the tables; the writes also need the SQL
// function store_epoch().

#include <optional>
#include <string>

#include "ports/store.h"
#include "store/connection.h"
#include "store/sqlite/statement.h"

namespace hedgerow::store::sqlite {

sql_result<std::optional<ports::lease_row>> run_lease(sqlite3* db, const row_key& key,
                                                      const ports::lease_request& request);
sql_result<std::optional<ports::view_row>> run_view(sqlite3* db, const row_key& key,
                                                    const ports::view_request& request);

}  // namespace hedgerow::store::sqlite
