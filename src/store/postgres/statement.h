#pragma once
// A statement with named parameters for PostgreSQL, and the rows that it returned.
//
// Texts are bytes here and UTF-8 there: what is no valid text is written as "hex:…", see
// members_json.h.

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/rows.h"

struct pg_result;

namespace hedgerow::store::postgres {

class statement {
 public:
  // ":name" becomes "$1" and so on; "::" and texts in quotes are left alone.
  explicit statement(std::string_view sql);

  statement& bind(std::string_view name, std::int64_t value);
  statement& bind(std::string_view name, std::string_view value);
  // Only for bool itself: else a text in quotes would count as true.
  template <std::same_as<bool> Flag>
  statement& bind(std::string_view name, Flag value) {
    set(name, value ? "t" : "f");
    return *this;
  }

  const std::string& sql() const { return sql_; }
  const std::vector<std::string>& values() const { return values_; }

 private:
  void set(std::string_view name, std::string value);

  std::string sql_;
  std::vector<std::string> names_;
  std::vector<std::string> values_;
};

// One row of a result, as rows.h wants it. Valid as long as the result.
class row {
 public:
  row(const pg_result* from, int number, int first_column)
      : from_(from), number_(number), first_(first_column) {}

  std::int64_t integer(int column) const;  // 0 for what is none
  std::string text(int column) const;
  bool boolean(int column) const;
  bool null(int column) const;

 private:
  const pg_result* from_;
  int number_;
  int first_;
};

class rows {
 public:
  explicit rows(std::shared_ptr<pg_result> from) : from_(std::move(from)) {}

  int count() const;
  // Columns are counted from `first_column`.
  row at(int number, int first_column = 0) const { return {from_.get(), number, first_column}; }

 private:
  std::shared_ptr<pg_result> from_;
};

}  // namespace hedgerow::store::postgres
