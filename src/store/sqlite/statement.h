#pragma once
// One SQL statement, and what it means when it fails.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/rows.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hedgerow::store::sqlite {

// The connection's newest error, `code`, in words. `file` is needed where it did not open.
std::string explain(sqlite3* db, int code, std::string_view file = "");

// Runs statements without results and parameters, one after another, until one fails.
sql_result<void> run_script(sqlite3* db, const char* sql);

// The connection must outlive it. One thread at a time.
class statement {
 public:
  static sql_result<statement> prepare(sqlite3* db, std::string_view sql);

  // Binds by name, ":token"; a name that the statement does not have is passed over, so that one
  // list of values serves every statement of a family. The text is copied.
  statement& bind(const char* name, std::int64_t value);
  statement& bind(const char* name, std::string_view value);
  statement& bind(const char* name, bool value) { return bind(name, std::int64_t{value}); }

  // True: a row is there. False: finished, and a write is committed.
  sql_result<bool> step();

  // Of the row that is there.
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  bool boolean(int column) const { return integer(column) != 0; }

  // Runs to the end, so that a write is committed, and gives what `decode` made of the first row.
  // decode: result<Row>(const statement&). If it fails, a write has been done all the same.
  template <class Row, class Decode>
  sql_result<std::optional<Row>> fetch(Decode decode) {
    std::optional<Row> row;
    std::string trouble;
    for (;;) {
      const auto more = step();
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      if (row) continue;
      auto decoded = decode(*this);
      if (decoded)
        row = std::move(*decoded);
      else
        trouble = decoded.error().message();
    }
    if (!trouble.empty()) return tl::unexpected(sql_error{reads_only(), 0, located(trouble)});
    return row;
  }

 private:
  struct finalizer {
    void operator()(sqlite3_stmt* s) const;
  };
  explicit statement(sqlite3_stmt* s) : raw_(s) {}
  int parameter(const char* name) const;
  bool reads_only() const;
  std::string located(const std::string& text) const;

  std::unique_ptr<sqlite3_stmt, finalizer> raw_;
  int bind_error_ = 0;
};

}  // namespace hedgerow::store::sqlite
