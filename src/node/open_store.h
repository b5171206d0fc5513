#pragma once
// From a store's URL to its driver.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "store/change_watch.h"
#include "store/lanes.h"
#include "store/location.h"
#include "store/snapshot.h"

namespace hedgerow {

struct store_needs {
  std::string clock_epoch;           // ports::clock::epoch()
  bool views = true;                 // a store of locks has none
  milliseconds open_patience{5000};  // of open_store, for a server that does not answer
  // Told of settings of the server that somebody should mend, from any thread.
  std::function<void(const std::string& text)> warn;
};

// Blocks for at most some seconds. Errors say what to do; a database across the network that is
// merely away is none.
result<std::shared_ptr<store::lanes>> open_store(const store::location& where, store_needs needs);

// Calls `on_change` when another process may have written to the store; null where nothing can
// tell.
std::unique_ptr<store::change_watch> watch_store(const store::location& where,
                                                 std::function<void()> on_change);

// Both rows as of one moment. Blocks for as long as the store does, but for at most about
// `patience` where it is a server.
result<store::group_snapshot> read_rows(const store::location& where, std::string_view group,
                                        nanoseconds patience = seconds(5));

// host:port of the first database that is named, to find the way to it. Empty for one within this
// machine: a file, or a Unix socket.
std::string database_address(const store::location& where);

// For people; holds no secret.
std::string name_of(const store::location& where);

}  // namespace hedgerow
