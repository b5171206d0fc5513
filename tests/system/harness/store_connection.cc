#include "tests/system/harness/store_connection.h"

#include <sqlite3.h>

namespace hedgerow::system_test {
namespace {

constexpr int patience_ms = 10'000;
constexpr int moment_ms = 200;  // several times what a commit takes

}  // namespace

store_connection::store_connection(const std::string& file) {
  sqlite3_open_v2(file.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_busy_timeout(db_, patience_ms);
}

store_connection::~store_connection() {
  sqlite3_close(db_);
}

bool store_connection::run(const char* sql) {
  return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

std::int64_t store_connection::number(const char* sql) {
  sqlite3_stmt* query = nullptr;
  std::int64_t value = -1;
  if (sqlite3_prepare_v2(db_, sql, -1, &query, nullptr) == SQLITE_OK &&
      sqlite3_step(query) == SQLITE_ROW)
    value = sqlite3_column_int64(query, 0);
  sqlite3_finalize(query);
  return value;
}

std::string store_connection::text(const char* sql) {
  sqlite3_stmt* query = nullptr;
  std::string value;
  if (sqlite3_prepare_v2(db_, sql, -1, &query, nullptr) == SQLITE_OK &&
      sqlite3_step(query) == SQLITE_ROW)
    value = reinterpret_cast<const char*>(sqlite3_column_text(query, 0));
  sqlite3_finalize(query);
  return value;
}

bool store_connection::writable() {
  sqlite3_busy_timeout(db_, moment_ms);
  const bool taken = run("BEGIN IMMEDIATE");
  if (taken) run("ROLLBACK");
  sqlite3_busy_timeout(db_, patience_ms);
  return taken;
}

}  // namespace hedgerow::system_test
