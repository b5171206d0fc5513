#pragma once
// For tests of this folder: a folder that goes away, a loop to which replies come, and a second
// connection to look at the tables or to lock them.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/sqlite_store.h"

struct sqlite3;

namespace hedgerow::store {

struct temporary_folder {
  temporary_folder();
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  std::filesystem::path path;
};

// The thread that calls `run_until` is the loop's.
class test_loop final : public ports::store_listener {
 public:
  void on_lease_reply(ports::request_id id, const ports::lease_reply& reply) override {
    leases[id] = reply;
  }
  void on_view_reply(ports::request_id id, const ports::view_reply& reply) override {
    views[id] = reply;
  }
  std::function<void(std::function<void()>)> post();
  // False: it took more than 20 s.
  bool run_until(const std::function<bool()>& done);

  std::map<ports::request_id, ports::lease_reply> leases;
  std::map<ports::request_id, ports::view_reply> views;

 private:
  struct posted {
    std::mutex mutex;
    std::vector<std::function<void()>> calls;
  };
  std::shared_ptr<posted> posted_ = std::make_shared<posted>();
};

// A store with a loop, one statement at a time.
class test_store {
 public:
  // Ends the process if the store does not open.
  explicit test_store(const std::filesystem::path& file, std::string group = "workers",
                      std::string clock_epoch = "boot:one");

  ports::lease_reply execute(const ports::lease_request& request,
                             nanoseconds patience = seconds(10));
  ports::view_reply execute(const ports::view_request& request, nanoseconds patience = seconds(10));
  ports::lease_reply read() { return execute(ports::lease_request{}); }
  ports::view_reply read_view() { return execute(ports::view_request{}); }

  test_loop loop;
  std::unique_ptr<sqlite_store> store;
  ports::request_id next = 1;
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

// Runs `work` in a process of its own. Start it while there is no store in this one.
class test_process {
 public:
  explicit test_process(const std::function<std::string()>& work);
  // What `work` returned. Once.
  std::string answer();

 private:
  int from_child_ = -1;
  int child_ = -1;
};

}  // namespace hedgerow::store
