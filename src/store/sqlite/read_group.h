#pragma once
// A look at one group's rows, for commands.

#include <filesystem>
#include <string_view>

#include <hedgerow/error.h>

#include "store/snapshot.h"

namespace hedgerow::store::sqlite {

// Both rows as of one moment; empty where the group has none yet. Opens and closes the file, writes
// nothing to its tables, and waits at most a second for a lock. Fails with words for the user if
// there is no store at `file`.
result<group_snapshot> read_group(const std::filesystem::path& file, std::string_view group);

}  // namespace hedgerow::store::sqlite
