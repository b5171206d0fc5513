#pragma once
// What a look at a group's rows finds.

#include <optional>

#include "ports/store.h"

namespace hedgerow::store {

struct group_snapshot {
  std::optional<ports::lease_row> lease;
  std::optional<ports::view_row> view;
};

}  // namespace hedgerow::store
