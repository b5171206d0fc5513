#pragma once
// The store without any node, for operators and tools: a look at a group's rows, and what a DBA
// needs.

#include <chrono>
#include <string>

#include <hedgerow/error.h>
#include <hedgerow/leadership.h>
#include <hedgerow/member.h>

namespace hedgerow {

struct group_rows {
  hedgerow::view view;  // the newest committed
  leader_info holder;   // of the lease; `remaining` counts only where `lease_known`
  bool released = false;
  bool lease_known = false;  // the lease is on this machine's time scale
};

// Blocks for a short read; where the store is a server that does not answer, for `timeout`. Errors:
// store_unavailable, store_refused and invalid_argument name the store.
result<group_rows> read_group(const std::string& store, const std::string& group,
                              std::chrono::milliseconds timeout = std::chrono::seconds{5});

// What the owner of a PostgreSQL database runs once where Hedgerow's role may not create tables;
// with the grants for `role`, unless it is empty.
std::string postgres_setup_sql(const std::string& role);

// Whether a store's URL has a password in it, which nobody should write on a command line.
bool holds_password(const std::string& store);

}  // namespace hedgerow
