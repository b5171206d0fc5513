#pragma once
// The tables in PostgreSQL, and their version: those of sqlite/schema.h, with PostgreSQL's types,
// and hedgerow_timeline, a row for each timeline of the cluster on which a statement of ours was
// executed, with a nonce (see postgres_connection.h).
//
// They are found by the role's search_path. A table that is dropped and made anew, or restored from
// a dump, has another oid and thereby another epoch (R9).

#include <string>

#include <hedgerow/error.h>

#include "store/postgres/session.h"

namespace hedgerow::store::postgres {

inline constexpr int schema_version = 4;

// Creates what is missing, if the role may; store_refused with what a DBA must do, if not.
// not_supported if a newer Hedgerow has made the tables.
result<void> ensure_tables(session& in, boot_time deadline);
// Only looks; false: there are no tables.
result<bool> check_tables(session& in, boot_time deadline);

// What a DBA runs once, as the owner-to-be: tables, and the grants for `role` (empty: none).
std::string setup_sql(const std::string& role);

}  // namespace hedgerow::store::postgres
