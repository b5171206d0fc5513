#pragma once
// For tests of the SQLite store: a store in a file, and a second connection to look at its tables
// or to lock them.

#include <filesystem>
#include <string>

#include "store/test_store.h"

struct sqlite3;

namespace hedgerow::store::sqlite {

lanes::options in_file(const std::filesystem::path& file,
                       const std::string& clock_epoch = "boot:one");

struct file_store : test_store {
  explicit file_store(const std::filesystem::path& file) : test_store(in_file(file)) {}
};

// A plain connection to the file.
class test_connection {
 public:
  explicit test_connection(const std::filesystem::path& file);
  ~test_connection();
  test_connection(const test_connection&) = delete;
  test_connection& operator=(const test_connection&) = delete;

  // The cells of all rows, "|" between columns, "\n" after rows; "error: …" if it fails.
  std::string query(const std::string& sql);

 private:
  sqlite3* db_ = nullptr;
};

// Alice's lease, until instant 1000 under token 100.
ports::lease_request lease(ports::lease_action action, const std::string& epoch);
ports::view_request claim(fencing_token token);

// Whether the store's lease thread naps between two attempts to get a lock; also true where the
// system does not let us see what its threads do.
bool waits_for_lock();

}  // namespace hedgerow::store::sqlite
