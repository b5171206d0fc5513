#pragma once
// The store in a SQLite file: for groups whose members all live on one machine.
//
// Two connections with a thread each, one for leases and one for views, so that a lease statement
// waits for a view's at most where SQLite allows only one writer: while it commits. Commits are
// synced (WAL, synchronous=FULL). One file may hold many groups.
//
// Outcomes. `failed`: never begun within its patience, or refused by SQLite before the commit
// (locked, full, read-only, malformed row). `unknown`: an I/O error in a write, or a row that was
// written but cannot be understood. Silence: the file system hangs.
//
// Files: folders are created with 0700, the file with 0600; rights of others to an existing file
// are taken away, see file.h. A file that is replaced or removed is another epoch, see database.h.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <hedgerow/error.h>

#include "ports/store.h"

namespace hedgerow::store {

class sqlite_store final : public ports::store {
 public:
  struct options {
    std::filesystem::path file;
    std::string group;        // 1 to 255 bytes
    std::string clock_epoch;  // ports::clock::epoch()
    // Must outlive the store.
    ports::store_listener* listener = nullptr;
    // Brings a call to the loop's thread; called from any thread, must not block and must not call
    // within itself. Not called any more once the store is gone.
    std::function<void(std::function<void()>)> post;
    milliseconds open_patience{5000};
  };

  // Blocks until both connections work and the tables are there, at most about `open_patience`,
  // even if the file system hangs. Errors name the file and say what to do.
  static result<std::unique_ptr<sqlite_store>> open(options wanted);

  // On the loop's thread, or when the loop has ended. Within about 200 ms, even if a thread hangs
  // (it is then left to itself, see worker.h). No reply comes after it; what was queued is not
  // executed.
  ~sqlite_store() override;

  void submit(ports::request_id id, ports::lease_request request, nanoseconds patience) override;
  void submit(ports::request_id id, ports::view_request request, nanoseconds patience) override;

  // "<clock epoch>/file:<device>:<inode>", as it was when the store was opened.
  const std::string& first_epoch() const { return first_epoch_; }

 private:
  struct lane;
  class reply_line;

  explicit sqlite_store(options wanted);
  result<void> connect(lane& connection, milliseconds patience);

  const std::string group_;
  const std::string file_;
  std::shared_ptr<reply_line> replies_;
  std::unique_ptr<lane> leases_;
  std::unique_ptr<lane> views_;
  std::string first_epoch_;
};

}  // namespace hedgerow::store
