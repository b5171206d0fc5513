#pragma once
// Two connections with a thread each, one for leases and one for views, so that a lease statement
// waits for a view's at most where the database itself makes it wait.
//
// Shared by any number of rows (row_store.h). Outlives them all; thread-safe but for the
// destructor.

#include <functional>
#include <memory>
#include <string>

#include <hedgerow/error.h>

#include "store/connection.h"
#include "store/reply_line.h"

namespace hedgerow::store {

class lanes {
 public:
  struct options {
    // Makes a connection that is not connected yet. Called twice, or once without `views`.
    std::function<std::unique_ptr<connection>()> connect;
    bool views = true;  // a store of locks has none
    // A database that does not answer is no reason not to start: it is tried again with each
    // statement. What somebody must mend first is one all the same.
    bool may_be_absent = false;
    milliseconds open_patience{5000};
    // Connections that nobody used for so long are closed: followers need none. Zero: never.
    milliseconds idle_after{0};
    std::string name;  // for people, in errors
  };

  // Blocks until the connections work, at most about `open_patience` for both, even if they hang.
  static result<std::shared_ptr<lanes>> open(const options& wanted);

  // Within about 200 ms, even if a thread hangs (it is then left to itself, see worker.h). No reply
  // comes after it; what was queued is not executed.
  ~lanes();
  lanes(const lanes&) = delete;
  lanes& operator=(const lanes&) = delete;

  void submit(const row_key& key, ports::request_id id, ports::lease_request request,
              nanoseconds patience, const std::shared_ptr<reply_line>& replies);
  void submit(const row_key& key, ports::request_id id, ports::view_request request,
              nanoseconds patience, const std::shared_ptr<reply_line>& replies);

 private:
  struct lane;

  explicit lanes(const options& wanted);
  static result<void> connect(lane& one, const options& wanted, boot_time deadline);

  std::unique_ptr<lane> leases_;
  std::unique_ptr<lane> views_;
};

}  // namespace hedgerow::store
