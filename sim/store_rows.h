#pragma once
// What the store's statements do to the rows: exactly the conditions of ports/store.h. Rules whose
// condition lives in a statement have their mutants here.

#include <optional>
#include <string>

#include "ports/store.h"

namespace hedgerow::sim {

struct store_rows {
  std::optional<ports::lease_row> lease;
  std::optional<ports::view_row> view;
  std::string epoch;

  // The replies of statements that were executed.
  ports::lease_reply execute(const ports::lease_request& request);
  ports::view_reply execute(const ports::view_request& request);
};

}  // namespace hedgerow::sim
