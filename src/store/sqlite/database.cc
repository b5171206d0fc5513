#include "store/sqlite/database.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "store/patience.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/statement.h"

namespace hedgerow::store::sqlite {
namespace {

tl::unexpected<error> unavailable(std::string text) {
  return fail(errc::store_unavailable, std::move(text));
}

// SQLite's own count of changes to the schema, as of the transaction that is open, if one is.
sql_result<std::int64_t> count_of_schema(sqlite3* db) {
  auto query = statement::prepare(db, "PRAGMA schema_version");
  if (!query) return tl::unexpected(query.error());
  const auto count = query->fetch<std::int64_t>(
      [](const statement& row) { return result<std::int64_t>(row.integer(0)); });
  if (!count) return tl::unexpected(count.error());
  return count->value_or(0);
}

void store_epoch(sqlite3_context* context, int, sqlite3_value**) {
  const auto* db = static_cast<const database*>(sqlite3_user_data(context));
  const auto replaced = db->replaced();
  if (!replaced) {
    // Not "": that would say that somebody else's lease is in the row.
    sqlite3_result_error(context, replaced.error().text.c_str(), -1);
    sqlite3_result_error_code(context, replaced.error().code);
    return;
  }
  const std::string epoch = *replaced ? std::string() : db->epoch();
  sqlite3_result_text(context, epoch.data(), static_cast<int>(epoch.size()), SQLITE_TRANSIENT);
}

// Whether SQLite itself sees that the path is no longer what it has open.
bool has_moved(sqlite3* db) {
  int moved = 0;
  return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
         moved != 0;
}

}  // namespace

database::database(std::filesystem::path file, std::string clock_epoch)
    : file_(std::move(file)), clock_epoch_(std::move(clock_epoch)) {}

database::~database() = default;

void database::closer::operator()(sqlite3* db) const {
  sqlite3_close_v2(db);
}

void database::close() {
  handle_.reset();
  id_.reset();
}

bool database::out_of_patience() const {
  return cancelled_ || boot_now() >= deadline_;
}

int database::on_busy(void* self, int attempt) {
  const auto* db = static_cast<const database*>(self);
  if (db->out_of_patience()) return 0;
  // Locks are held for one commit, some milliseconds.
  const nanoseconds nap =
      std::min<nanoseconds>(milliseconds(std::min(1 + attempt / 4, 5)), db->deadline_ - boot_now());
  if (nap > nanoseconds::zero()) std::this_thread::sleep_for(nap);
  return 1;
}

result<void> database::ready(boot_time deadline) {
  deadline_ = deadline;
  if (!handle_ || moved()) return open_current();
  const auto count = count_of_schema(handle_.get());
  if (!count) return unavailable(count.error().text);
  return *count == schema_count_ ? result<void>() : know_tables();
}

sql_result<bool> database::replaced() const {
  if (moved()) return true;
  const auto count = count_of_schema(handle_.get());
  if (!count) return tl::unexpected(count.error());
  return *count != schema_count_;
}

result<void> database::open_current() {
  const auto real = prepare_folder(file_);
  if (!real) return tl::unexpected(real.error());
  const auto lock = folder_lock::take(real->parent_path(), [this] { return out_of_patience(); });
  if (!lock) return tl::unexpected(lock.error());
  for (int attempt = 0; attempt < 10; ++attempt) {
    if (auto opened = open_once(*real); !opened) {
      close();
      return opened;
    }
    wal_id_ = identify(wal_of(*real));
    shm_id_ = identify(shm_of(*real));
    id_ = identify(file_);
    if (id_ && id_ == identify(*real) && !has_moved(handle_.get())) return know_tables();
  }
  close();
  return unavailable(fmt::format("the store {} is being replaced all the time", file_.native()));
}

// All tables are there, as of a count that was the same before and after they were looked at: if
// one is dropped later, the count is another.
result<void> database::know_tables() {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto before = count_of_schema(handle_.get());
    if (!before) return unavailable(before.error().text);
    if (auto there = ensure_schema(handle_.get()); !there) return there;
    const auto after = count_of_schema(handle_.get());
    if (!after) return unavailable(after.error().text);
    if (*before != *after) continue;
    schema_count_ = *after;
    epoch_ = fmt::format("{}/file:{}:{}/schema:{}", clock_epoch_, id_->device, id_->inode, *after);
    return {};
  }
  return unavailable(
      fmt::format("the tables of the store {} are being changed all the time", file_.native()));
}

result<void> database::open_once(const std::filesystem::path& real) {
  const bool exists = identify(real).has_value();
  // Before the old connection is closed: while it is open, its files' inodes cannot be reused.
  remove_stale_side_files(real, exists);
  close();
  if (!exists)
    if (auto made = create_private(real); !made) return made;
  if (auto safe = tighten(real); !safe) return safe;

  sqlite3* raw = nullptr;
  // Not SQLITE_OPEN_CREATE: that would make the file with the umask's permissions.
  const int code =
      sqlite3_open_v2(real.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(raw);
  if (code != SQLITE_OK)
    return unavailable(explain(raw, sqlite3_extended_errcode(raw), real.native()));
  return configure(raw);
}

result<void> database::configure(sqlite3* db) {
  sqlite3_busy_handler(db, &database::on_busy, this);
  sqlite3_create_function_v2(db, "store_epoch", 0, SQLITE_UTF8 | SQLITE_DIRECTONLY, this,
                             &store_epoch, nullptr, nullptr, nullptr);
  if (sqlite3_db_readonly(db, "main") == 1) return unavailable(explain(db, SQLITE_READONLY));
  // SQLite does not call the busy handler where two that switch to WAL could wait for each other.
  sql_result<void> switched;
  do {
    switched = run_script(db,
                          "PRAGMA trusted_schema=OFF; PRAGMA journal_mode=WAL;"
                          "PRAGMA synchronous=FULL;");
  } while (!switched && (switched.error().code & 0xff) == SQLITE_BUSY && on_busy(this, 0) != 0);
  if (!switched) return unavailable(switched.error().text);
  auto mode = statement::prepare(db, "PRAGMA journal_mode");
  if (!mode) return unavailable(mode.error().text);
  const auto word = mode->fetch<std::string>(
      [](const statement& row) { return result<std::string>(row.text(0)); });
  if (!word) return unavailable(word.error().text);
  if (word->value_or("") != "wal")
    return unavailable(fmt::format(
        "the store {} cannot use a write-ahead log: its file system has no shared memory; choose a "
        "file on a local disk with --store",
        file_.native()));
  return ensure_schema(db);
}

// A database whose file was removed or replaced leaves its -wal and -shm files behind, still in use
// by processes that have not noticed yet. A new database must not share them. They are stale for
// certain if there is no database file (we hold the folder's lock and are about to make it), or if
// they are the ones that we used with the file before.
void database::remove_stale_side_files(const std::filesystem::path& real, bool file_exists) const {
  const auto stale = [&](const std::filesystem::path& side, const std::optional<file_id>& ours) {
    return !file_exists || (handle_ && ours && identify(side) == ours);
  };
  if (stale(wal_of(real), wal_id_)) ::unlink(wal_of(real).c_str());
  if (stale(shm_of(real), shm_id_)) ::unlink(shm_of(real).c_str());
  if (!file_exists) ::unlink(journal_of(real).c_str());
}

}  // namespace hedgerow::store::sqlite
