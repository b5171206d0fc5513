#pragma once
// One connection of libpq, with deadlines: no call waits longer than it was told, also when the
// server is frozen. For one thread.

#include <string>
#include <vector>

#include "tests/postgres/wait.h"

struct pg_conn;

namespace hedgerow::postgres_test {

class session {
 public:
  // Look at `error()`: it is empty if this is connected.
  explicit session(const std::string& url, milliseconds patience = milliseconds{20'000});
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  const std::string& error() const { return error_; }
  // The rows of the last statement in `sql`: "|" between columns, "\n" after rows, NULL as such.
  // "error: SQLSTATE text" if one fails, "error: text" if the connection does, "error: timeout"
  // when the time is over; then this session is of no more use.
  std::string query(const std::string& sql, milliseconds patience = milliseconds{20'000});
  // Of the last query, e.g. "UPDATE 1".
  const std::string& command_tag() const { return command_tag_; }
  // SQLSTATE and text of the notices and warnings so far.
  const std::vector<std::string>& notices() const { return notices_; }
  // Told by the server at the connect; through a pooler it is not the backend's.
  int backend_pid() const;

 private:
  bool wait_socket(bool writing, steady_clock::time_point deadline);
  bool wait_result(steady_clock::time_point deadline);

  pg_conn* connection_ = nullptr;
  std::string error_;
  std::string command_tag_;
  std::vector<std::string> notices_;
};

}  // namespace hedgerow::postgres_test
