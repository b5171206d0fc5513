#pragma once
// Whole nodes of the product in this process, and a thread that asks each of them all the time
// whether it leads.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <hedgerow/node.h>

#include "tests/databases/acts.h"
#include "tests/postgres/wait.h"

namespace hedgerow::databases_test {

using postgres_test::milliseconds;

// For a store that other machines could reach. All share one wall clock here.
options node_options(const std::string& url, const std::string& group, const std::string& name,
                     milliseconds lease);

// Throws std::runtime_error if it doesn't start.
std::unique_ptr<node> start_node(options with);

// Names in its view, in order, less those that are joining or leaving.
std::vector<std::string> members_of(const node& one);

// Thread-safe. Nodes must outlive their watch.
class witness {
 public:
  explicit witness(acts& record) : record_(record), thread_([this] { run(); }) {}
  ~witness();
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;

  void watch(const node& one, int who);
  // Returns when it is not asked any more.
  void forget(const node& one);

 private:
  void run();

  acts& record_;
  std::mutex lock_;
  std::map<const node*, int> watched_;  // guarded by lock_
  bool stopped_ = false;                // the same
  std::thread thread_;
};

}  // namespace hedgerow::databases_test
