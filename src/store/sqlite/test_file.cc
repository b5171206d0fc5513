#include "store/sqlite/test_file.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <sqlite3.h>
#include <sys/syscall.h>

#include "store/sqlite/sqlite_connection.h"

namespace hedgerow::store::sqlite {

lanes::options in_file(const std::filesystem::path& file, const std::string& clock_epoch) {
  return {.connect = [=] { return std::make_unique<sqlite_connection>(file, clock_epoch); },
          .name = file};
}

test_connection::test_connection(const std::filesystem::path& file) {
  if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) {
    std::fprintf(stderr, "cannot open %s\n", file.c_str());
    std::abort();
  }
  sqlite3_busy_timeout(db_, 10'000);
}

test_connection::~test_connection() {
  sqlite3_close(db_);
}

std::string test_connection::query(const std::string& sql) {
  std::string rows;
  const auto append = [](void* to, int count, char** cells, char**) {
    auto& text = *static_cast<std::string*>(to);
    for (int i = 0; i < count; ++i)
      text += std::string(i == 0 ? "" : "|") + (cells[i] == nullptr ? "NULL" : cells[i]);
    text += "\n";
    return 0;
  };
  if (sqlite3_exec(db_, sql.c_str(), append, &rows, nullptr) != SQLITE_OK)
    return std::string("error: ") + sqlite3_errmsg(db_);
  return rows;
}

ports::lease_request lease(ports::lease_action action, const std::string& epoch) {
  ports::lease_request request{.action = action};
  request.row.holder = "alice";
  request.row.incarnation = {1, 2};
  request.row.token = 100;
  request.row.expires = {1000};
  request.row.epoch = epoch;
  request.row.scale = "boot";
  return request;
}

ports::view_request claim(fencing_token token) {
  ports::view_request request{.action = ports::view_action::claim};
  request.row.id.token = token;
  return request;
}

bool waits_for_lock() {
  bool visible = false;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    long call = 0;
    std::ifstream(task.path() / "comm") >> name;
    if (name != "hedgerow-lease") continue;
    visible = static_cast<bool>(std::ifstream(task.path() / "syscall"));
    if (std::ifstream(task.path() / "syscall") >> call &&
        (call == SYS_clock_nanosleep || call == SYS_nanosleep))
      return true;
  }
  return !visible;
}

}  // namespace hedgerow::store::sqlite
