#pragma once
// The statements of the store port (ports/store.h says what each does and when), in the SQL that
// SQLite and PostgreSQL share: one place for the rules that they keep.
//
// Parameters are named, ":token". A driver must know GREATEST of two values and store_epoch(), the
// store's epoch as the statement sees it, which is empty where the store is no longer there (R9).
// All conditions are on the row itself, in no sub-select: PostgreSQL evaluates just those again
// when it had to wait for the row's lock.

#include <string>

#include "store/connection.h"

namespace hedgerow::store {

// The columns of a lease, in the order of decode_lease (rows.h).
std::string lease_sql(ports::lease_action action, row_kind kind);
// The columns of a view, in the order of decode_view.
std::string view_sql(ports::view_action action);

}  // namespace hedgerow::store
