#pragma once
// The tables, and their version.
//
//   hedgerow_schema   one row: the version, 3
//   hedgerow_lease    one row per group (lease reference 5.1); instants on the row's `scale`
//   hedgerow_lock     one row per lock, of the same columns
//   hedgerow_view     one row per group (DESIGN 5); members and removed are JSON, see
//                     members_json.h
//   hedgerow_members  a view for people and scripts: one row per member of each group
//
// Version 2 added `machine` and hedgerow_lock, version 3 `list_token`; older tables are upgraded by
// the first process that writes.

#include <hedgerow/error.h>

struct sqlite3;

namespace hedgerow::store::sqlite {

inline constexpr int schema_version = 3;

// Creates what lacks, or upgrades, in one transaction; other processes may do the same at the same
// time. A table that somebody has dropped comes back empty, which for leases is R8's case.
// errc::not_supported if a newer Hedgerow has made the tables.
result<void> ensure_schema(sqlite3* db);

// Only looks. `false`: there are no tables yet. store_unavailable if only some are there.
result<bool> check_schema(sqlite3* db);

}  // namespace hedgerow::store::sqlite
