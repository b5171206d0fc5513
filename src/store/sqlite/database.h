#pragma once
// One connection to the store's file, which follows the file's path.
//
// R9: the store's epoch is the clock's epoch, the identity of the file, and SQLite's count of
// changes to its schema. A file that was replaced or removed is another store, and so is one whose
// tables were dropped, made anew or restored. `ready` notices and opens what the path leads to now,
// making the file or its tables if need be. A statement that is already under way sees it too,
// because its condition calls the SQL function store_epoch(). That looks at the path, and at the
// count as of the statement's own transaction, and gives "" when either is not what `ready` found.
// What remains is a file that is replaced between the condition and the commit: a lost commit,
// which F11 waits for.
//
// Every change of the schema is counted, also of tables that are not ours, and VACUUM. Holders
// re-pin, and go on (F12); what is free at that moment is taken again after the wait of F11.
//
// Not noticed: a backup copied *over* the file (cp onto it), which keeps the file's identity and
// may have the same count. Restore by renaming a file to the path, with the agents stopped.
//
// One thread at a time, except `cancel`. Calls block: on locks until the deadline, on a frozen file
// system without limit.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <hedgerow/error.h>

#include "model/time.h"
#include "store/rows.h"
#include "store/sqlite/file.h"

struct sqlite3;

namespace hedgerow::store::sqlite {

class database {
 public:
  database(std::filesystem::path file, std::string clock_epoch);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  // Makes the connection usable for statements that begin before `deadline`; later ones, and ones
  // that would have to wait for a lock beyond it, fail with SQLITE_BUSY, not executed.
  result<void> ready(boot_time deadline);

  // Valid after `ready`, until the next one.
  sqlite3* handle() const { return handle_.get(); }
  const std::string& epoch() const { return epoch_; }
  // Whether the path leads to another file by now, or to none, or the tables have changed. Within a
  // statement: as that sees them.
  sql_result<bool> replaced() const;

  // From any thread: waits for locks end soon, now and later.
  void cancel() noexcept { cancelled_ = true; }
  void close();

 private:
  struct closer {
    void operator()(sqlite3* db) const;
  };

  result<void> open_current();
  result<void> open_once(const std::filesystem::path& real);
  result<void> configure(sqlite3* db);
  result<void> know_tables();
  bool moved() const { return identify(file_) != id_ || !id_; }
  void remove_stale_side_files(const std::filesystem::path& real, bool file_exists) const;
  bool out_of_patience() const;
  static int on_busy(void* self, int attempt);

  const std::filesystem::path file_;
  const std::string clock_epoch_;
  std::unique_ptr<sqlite3, closer> handle_;
  std::optional<file_id> id_;      // of the opened file
  std::optional<file_id> wal_id_;  // of its side files
  std::optional<file_id> shm_id_;
  std::int64_t schema_count_ = 0;
  std::string epoch_;
  boot_time deadline_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace hedgerow::store::sqlite
