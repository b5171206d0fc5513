#pragma once
// For tests of stores: a folder that goes away, a loop to which replies come, a store with a loop,
// and a process of its own.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/lanes.h"
#include "store/row_store.h"

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
  explicit test_store(lanes::options how, row_key key = {row_kind::group, "workers"});
  // Another row over the same connections.
  test_store(std::shared_ptr<lanes> over, row_key key);

  ports::lease_reply execute(const ports::lease_request& request,
                             nanoseconds patience = seconds(10));
  ports::view_reply execute(const ports::view_request& request, nanoseconds patience = seconds(10));
  ports::lease_reply read() { return execute(ports::lease_request{}); }
  ports::view_reply read_view() { return execute(ports::view_request{}); }

  test_loop loop;
  std::shared_ptr<lanes> connections;
  std::unique_ptr<row_store> store;
  ports::request_id next = 1;
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
