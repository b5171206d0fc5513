#pragma once
// A connection to the store in a SQLite file: for groups whose members all live on one machine.
//
// Commits are synced (WAL, synchronous=FULL). One file may hold many groups and locks.
//
// Outcomes. `failed`: never begun within its patience, or refused by SQLite before the commit
// (locked, full, read-only, malformed row). `unknown`: an I/O error in a write, or a row that was
// written but cannot be understood. Silence: the file system hangs.
//
// Files: folders are created with 0700, the file with 0600; rights of others to an existing file
// are taken away, see file.h. A file that is replaced or removed is another epoch, and so are
// tables that are dropped; they are made anew, see database.h.
//
// Errors name the file and say what to do.

#include <filesystem>
#include <string>

#include "store/connection.h"
#include "store/sqlite/database.h"

namespace hedgerow::store::sqlite {

class sqlite_connection final : public connection {
 public:
  // `clock_epoch`: ports::clock::epoch(). The store's is
  // "<clock epoch>/file:<device>:<inode>/schema:<count>".
  sqlite_connection(std::filesystem::path file, std::string clock_epoch)
      : db_(std::move(file), std::move(clock_epoch)) {}

  result<void> ready(boot_time deadline) override { return db_.ready(deadline); }
  ports::lease_reply execute(const row_key& key, const ports::lease_request& request,
                             boot_time deadline) override;
  ports::view_reply execute(const row_key& key, const ports::view_request& request,
                            boot_time deadline) override;
  void cancel() noexcept override { db_.cancel(); }
  void close() override { db_.close(); }

 private:
  database db_;
};

}  // namespace hedgerow::store::sqlite
