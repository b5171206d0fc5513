#include "store/postgres/statement.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "store/members_json.h"

namespace hedgerow::store::postgres {
namespace {

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

}  // namespace

statement::statement(std::string_view sql) {
  bool quoted = false;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    const char c = sql[at];
    if (c == '\'') quoted = !quoted;
    const bool begins =
        c == ':' && at + 1 < sql.size() && in_name(sql[at + 1]) && (at == 0 || sql[at - 1] != ':');
    if (quoted || !begins) {
      sql_ += c;
      continue;
    }
    std::size_t end = at + 1;
    while (end < sql.size() && in_name(sql[end]))
      ++end;
    const std::string_view name = sql.substr(at, end - at);
    auto known = std::find(names_.begin(), names_.end(), name);
    if (known == names_.end()) known = names_.emplace(names_.end(), name);
    sql_ += fmt::format("${}", known - names_.begin() + 1);
    at = end - 1;
  }
  values_.resize(names_.size());
}

void statement::set(std::string_view name, std::string value) {
  const auto known = std::find(names_.begin(), names_.end(), name);
  if (known == names_.end()) return;
  values_[static_cast<std::size_t>(known - names_.begin())] = std::move(value);
}

statement& statement::bind(std::string_view name, std::int64_t value) {
  set(name, fmt::to_string(value));
  return *this;
}

statement& statement::bind(std::string_view name, std::string_view value) {
  set(name, to_text(value));
  return *this;
}

bool row::null(int column) const {
  return PQgetisnull(from_, number_, first_ + column) != 0;
}

std::int64_t row::integer(int column) const {
  const std::string_view text = PQgetvalue(from_, number_, first_ + column);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string row::text(int column) const {
  const std::string_view raw(
      PQgetvalue(from_, number_, first_ + column),
      static_cast<std::size_t>(PQgetlength(from_, number_, first_ + column)));
  return to_bytes(raw).value_or(std::string(raw));
}

bool row::boolean(int column) const {
  return *PQgetvalue(from_, number_, first_ + column) == 't';
}

int rows::count() const {
  return PQntuples(from_.get());
}

}  // namespace hedgerow::store::postgres
