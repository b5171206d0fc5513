#pragma once
// A look at one group's rows, for commands.

#include <string_view>

#include <hedgerow/error.h>

#include "store/postgres/url.h"
#include "store/snapshot.h"

namespace hedgerow::store::postgres {

// Both rows as of one moment; empty where the group has none yet. Connects, reads, and hangs up;
// changes nothing. Blocks for at most about `patience`.
result<group_snapshot> read_group(const target& from, std::string_view group, nanoseconds patience);

}  // namespace hedgerow::store::postgres
