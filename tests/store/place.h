#pragma once
// Where a store is kept, for the tests that every store must pass.

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "store/test_store.h"

namespace hedgerow::store {

class place {
 public:
  virtual ~place() = default;
  // Connections to it, for nodes whose clock has this epoch.
  virtual lanes::options open(const std::string& clock_epoch = "boot:one") = 0;
  // The cells of all rows, "|" between columns, "\n" after rows; "error: ..." if it fails.
  virtual std::string query(const std::string& sql) = 0;
  // What an error that concerns it must say.
  virtual std::string name() const = 0;
};

// "sqlite": a new file. "postgres": a new database.
std::unique_ptr<place> make_place(const std::string& kind);

inline row_key group(std::string name) {
  return {row_kind::group, std::move(name)};
}

inline std::string name_of_place(const testing::TestParamInfo<const char*>& info) {
  return info.param;
}

}  // namespace hedgerow::store
