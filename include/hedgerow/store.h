#pragma once
// A look at a group's rows in its store, without any node: for operators and tools.

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

// Blocks for a short read. Errors: store_unavailable and invalid_argument name the file.
result<group_rows> read_group(const std::string& store, const std::string& group);

}  // namespace hedgerow
