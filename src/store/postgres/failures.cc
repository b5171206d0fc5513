#include "store/postgres/failures.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>
#include <libpq-fe.h>

namespace hedgerow::store::postgres {
namespace {

constexpr std::string_view password_advice =
    "; give it by PGPASSFILE (~/.pgpass) or PGPASSWORD, never on the command line";

bool is_one_of(std::string_view state, std::initializer_list<std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view b) { return state.starts_with(b); });
}

// "FATAL:  28P01: password authentication failed …" -> "28P01"
std::string_view sqlstate_in(std::string_view text) {
  const auto is_code = [](std::string_view word) {
    return std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return std::isdigit(c) != 0 || std::isupper(c) != 0;
    });
  };
  for (std::size_t at = text.find(":  "); at != text.npos; at = text.find(":  ", at + 1)) {
    const std::string_view rest = text.substr(at + 3);
    if (rest.size() > 6 && rest[5] == ':' && is_code(rest.substr(0, 5))) return rest.substr(0, 5);
  }
  return {};
}

// One line, without the server's source locations.
std::string one_line(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!part.empty() && std::isspace(static_cast<unsigned char>(part.front())) != 0)
      part.remove_prefix(1);
    if (part.empty() || part.starts_with("LOCATION:")) continue;
    line += line.empty() ? "" : "; ";
    line += part;
  }
  return line;
}

std::string_view advice(std::string_view state) {
  if (state == "42501")
    return "; the role needs SELECT, INSERT and UPDATE on Hedgerow's tables: have `hedgerow store "
           "sql` run by their owner";
  if (state == "42P01")
    return "; the tables are not there, or not in this role's search_path: see `hedgerow store "
           "sql`";
  if (state == "25006" || state == "55000") return "; it is a standby, or was made read-only";
  if (state == "53300") return "; raise max_connections, or use a pooler";
  return "";
}

std::string field(const PGresult& from, int code) {
  const char* text = PQresultErrorField(&from, code);
  return text == nullptr ? "" : text;
}

}  // namespace

failure explain(const PGresult& how) {
  failure why;
  why.sqlstate = field(how, PG_DIAG_SQLSTATE);
  const std::string severity = field(how, PG_DIAG_SEVERITY_NONLOCALIZED);
  // 08: the pooler speaks, and does not know either; 40003: the server does not.
  why.surely_not_done =
      severity == "ERROR" && !is_one_of(why.sqlstate, {"08", "40003", "57P0", "XX"});
  // Lease reference 7: roles flip under an open connection.
  why.leave = is_one_of(why.sqlstate, {"25006", "57P0", "55000", "0A000", "08", "XX", "25P02"});
  why.text = one_line(field(how, PG_DIAG_MESSAGE_PRIMARY));
  if (why.text.empty()) why.text = one_line(PQresultErrorMessage(&how));
  if (!why.sqlstate.empty()) why.text += fmt::format(" (SQLSTATE {})", why.sqlstate);
  why.text += advice(why.sqlstate);
  return why;
}

bool doubts_the_commit(const PGresult& notice) {
  if (field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) != "WARNING") return false;
  const std::string source = field(notice, PG_DIAG_SOURCE_FILE);
  return source != "varsup.c" && source != "multixact.c" && source != "async.c";
}

bool is_transient(std::string_view sqlstate) {
  // Aurora DSQL has codes of its own for a conflict that its commit finds, in data or in the
  // schema.
  return sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "OC000" || sqlstate == "OC001";
}

void connect_progress::see(const PGconn& conn) {
  switch (PQstatus(&conn)) {
    case CONNECTION_BAD:
    case CONNECTION_STARTED:
    case CONNECTION_NEEDED:
      break;
    case CONNECTION_SSL_STARTUP:
      reached = encrypting = true;
      break;
    case CONNECTION_MADE:
      reached = true;
      break;
    default:
      reached = told = true;
      break;
  }
}

tl::unexpected<error> explain_connect(const PGconn& conn, const connect_progress& how) {
  std::string text = words_of(conn);
  const std::string state(sqlstate_in(PQerrorMessage(&conn)));
  bool refused = false;
  if (!state.empty()) {
    // What passes: it starts, stops, is full, or a pooler has no server at the moment.
    refused = !is_one_of(state, {"57P", "53", "08", "55", "58", "XX"});
    if (state == "28P01") text += password_advice;
    text += advice(state);
  } else if (PQconnectionNeedsPassword(&conn) != 0) {
    refused = true;
    text += password_advice;
  } else if (!how.reached) {
    // Before any socket: a parameter that libpq does not understand.
    refused = PQsocket(&conn) < 0 && PQstatus(&conn) == CONNECTION_BAD &&
              std::string_view(PQerrorMessage(&conn)).starts_with("invalid ");
  } else {
    refused = how.encrypting && !how.told;
    if (refused)
      text += "; see sslmode and sslrootcert in PostgreSQL's manual, chapter Connection Strings";
  }
  return fail(refused ? errc::store_refused : errc::store_unavailable, std::move(text));
}

std::string words_of(const PGconn& conn) {
  return one_line(PQerrorMessage(&conn));
}

}  // namespace hedgerow::store::postgres
