#pragma once
// The tables, and their version.
//
//   hedgerow_schema   one row: the version, 1
//   hedgerow_lease    one row per group (lease reference 5.1); instants on the row's `scale`
//   hedgerow_view     one row per group (DESIGN 5); members and removed are JSON, see
//   members_json.h hedgerow_members  a view for people and scripts: one row per member of each
//   group

#include <hedgerow/error.h>

struct sqlite3;

namespace hedgerow::store {

inline constexpr int schema_version = 1;

// Creates what is missing, in one transaction; other processes may do the same at the same time.
// errc::not_supported if a newer Hedgerow has made the tables.
result<void> ensure_schema(sqlite3* db);

// Only looks. `false`: there are no tables yet.
result<bool> check_schema(sqlite3* db);

}  // namespace hedgerow::store
