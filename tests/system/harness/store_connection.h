#pragma once
// A connection of the test's own to a group's store.

#include <cstdint>
#include <string>

struct sqlite3;

namespace hedgerow::system_test {

class store_connection {
 public:
  explicit store_connection(const std::string& file);
  ~store_connection();
  store_connection(const store_connection&) = delete;
  store_connection& operator=(const store_connection&) = delete;

  bool run(const char* sql);             // false if it failed, or a lock was held for ten seconds
  std::int64_t number(const char* sql);  // the first column of the first row; -1 without one
  std::string text(const char* sql);     // the same; empty without one
  // Whether anybody could write now, or within a moment.
  bool writable();

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace hedgerow::system_test
