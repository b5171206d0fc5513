#include "store/sqlite/statement.h"

#include <cerrno>

#include <fmt/format.h>
#include <sqlite3.h>

namespace hedgerow::store::sqlite {
namespace {

// Errors of a write that can only come before it is committed. Of all others, such as an I/O error
// while the log is synced, nothing is certain.
bool surely_not_done(int code) {
  switch (code & 0xff) {
    case SQLITE_ERROR:
    case SQLITE_PERM:
    case SQLITE_ABORT:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_INTERRUPT:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_SCHEMA:
    case SQLITE_TOOBIG:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_MISUSE:
    case SQLITE_AUTH:
    case SQLITE_RANGE:
    case SQLITE_NOTADB:
      return true;
    default:
      return false;
  }
}

std::string_view advice(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another process holds its lock for too long: find it with `fuser FILE`";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return "; this user must be able to write to the file and its folder: correct their "
             "permissions, or choose another file with --store";
    case SQLITE_FULL:
      return "; the disk is full: make room";
    case SQLITE_NOTADB:
      return "; this is not a SQLite database: choose another file with --store";
    case SQLITE_CORRUPT:
      return "; the file is damaged: stop the agents, move it away, start them again";
    case SQLITE_IOERR:
      return "; look at the disk and the kernel's log";
    default:
      return "";
  }
}

constexpr std::string_view no_descriptors =
    "; no file descriptor is left: raise the limit of open files (ulimit -n, LimitNOFILE=)";

bool lacks_descriptors(sqlite3* db, int code) {
  if (db == nullptr || (code & 0xff) != SQLITE_CANTOPEN) return false;
  const int number = sqlite3_system_errno(db);
  return number == EMFILE || number == ENFILE;
}

std::string file_of(sqlite3* db) {
  const char* name = db == nullptr ? nullptr : sqlite3_db_filename(db, "main");
  return name == nullptr ? "the store" : fmt::format("the store {}", name);
}

}  // namespace

std::string explain(sqlite3* db, int code, std::string_view file) {
  const char* words = db != nullptr && sqlite3_extended_errcode(db) == code ? sqlite3_errmsg(db)
                                                                            : sqlite3_errstr(code);
  return fmt::format("{}: {} (SQLite error {}){}",
                     file.empty() ? file_of(db) : fmt::format("the store {}", file), words, code,
                     lacks_descriptors(db, code) ? no_descriptors : advice(code));
}

sql_result<void> run_script(sqlite3* db, const char* sql) {
  const int code = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return tl::unexpected(sql_error{surely_not_done(code), code, explain(db, code)});
}

void statement::finalizer::operator()(sqlite3_stmt* s) const {
  sqlite3_finalize(s);
}

sql_result<statement> statement::prepare(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(sql_error{true, code, explain(db, code)});
  return statement(raw);
}

int statement::parameter(const char* name) const {
  return sqlite3_bind_parameter_index(raw_.get(), name);
}

statement& statement::bind(const char* name, std::int64_t value) {
  if (const int index = parameter(name); index != 0)
    bind_error_ |= sqlite3_bind_int64(raw_.get(), index, value);
  return *this;
}

statement& statement::bind(const char* name, std::string_view value) {
  if (const int index = parameter(name); index != 0) {
    // An empty string_view may have no data(), which SQLite would take for NULL.
    const char* data = value.empty() ? "" : value.data();
    bind_error_ |=
        sqlite3_bind_text64(raw_.get(), index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  return *this;
}

sql_result<bool> statement::step() {
  if (bind_error_ != 0)
    return tl::unexpected(sql_error{true, bind_error_, located("a value could not be bound")});
  const int code = sqlite3_step(raw_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(raw_.get());
  const int extended = sqlite3_extended_errcode(db);
  return tl::unexpected(
      sql_error{reads_only() || surely_not_done(code), extended, explain(db, extended)});
}

std::int64_t statement::integer(int column) const {
  return sqlite3_column_int64(raw_.get(), column);
}

std::string statement::text(int column) const {
  // sqlite3_column_blob gives the text's bytes as they are, which need not be UTF-8.
  const void* data = sqlite3_column_blob(raw_.get(), column);
  const int size = sqlite3_column_bytes(raw_.get(), column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

bool statement::reads_only() const {
  return sqlite3_stmt_readonly(raw_.get()) != 0;
}

std::string statement::located(const std::string& text) const {
  return fmt::format("{}: {}", file_of(sqlite3_db_handle(raw_.get())), text);
}

}  // namespace hedgerow::store::sqlite
