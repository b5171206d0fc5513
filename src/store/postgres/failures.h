#pragma once
// What an error of PostgreSQL or of libpq means for us.

#include <string>
#include <string_view>

#include <hedgerow/error.h>

struct pg_conn;
struct pg_result;

namespace hedgerow::store::postgres {

// Of a statement that the server answered with an error.
struct failure {
  // An ERROR is told before anything is committed, and rolls the statement back. A FATAL or PANIC
  // may come after the commit; so may a loss of the connection.
  bool surely_not_done = false;
  // The server is no primary (any more), or about to go: another connection is needed.
  bool leave = false;
  std::string sqlstate;
  std::string text;  // with what to do, where we know
};
failure explain(const pg_result& how);

// Whether a notice during a statement may mean that its commit was acknowledged although no standby
// has it. Any warning may, but for those of parts of the server that warn of other things for
// weeks: that transaction ids run out, or the queue of notifications is half full. They are known
// by the file of the server's source that they come from, which no setting translates.
bool doubts_the_commit(const pg_result& notice);

// The same statement may succeed at once: a serialization failure or a deadlock.
bool is_transient(std::string_view sqlstate);

// How far a connect came before it failed.
struct connect_progress {
  bool reached = false;     // TCP, or the socket, was connected
  bool encrypting = false;  // TLS was being negotiated
  bool told = false;        // past that: what fails now, the server has said

  void see(const pg_conn& conn);
};

// store_refused where waiting won't help: a wrong password, no such database, no certificate.
tl::unexpected<error> explain_connect(const pg_conn& conn, const connect_progress& how);

// libpq's own words, in one line. Never holds the password: libpq never shows it.
std::string words_of(const pg_conn& conn);

}  // namespace hedgerow::store::postgres
