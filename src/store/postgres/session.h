#pragma once
// One libpq connection, every wait of which has a deadline of ours.
//
// libpq's own time-outs don't help: connect_timeout is for PQconnectdb alone, and tcp_user_timeout
// says nothing of a server that is frozen, whose kernel still acknowledges (lease reference 7). So
// sockets are non-blocking, and a statement that is not answered in time costs its connection.
//
// Behind a pooler in transaction mode, two statements may be executed by two servers: nothing is
// kept in the session (no SET, no named statements, no LISTEN here).

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <hedgerow/error.h>

#include "model/time.h"
#include "store/postgres/statement.h"
#include "store/postgres/url.h"

struct pg_conn;
struct pg_result;

namespace hedgerow::store::postgres {

// One thread at a time, except `cancel`.
class session {
 public:
  explicit session(target to);
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // Connects to the first server that answers and can be written, from the one that did so last.
  // Each address gets its share of the time. Looking names up may take longer than the deadline.
  // store_unavailable: away, or not ready; store_refused: somebody must mend something first.
  result<void> connect(boot_time deadline);
  // Since the last connect began, a server that had answered was out of time.
  bool late() const { return late_; }
  std::size_t servers() const { return target_.servers.size(); }
  // Connected, and the server has not hung up, as far as this end knows without asking.
  bool alive();
  void close();
  // The next connect begins with the address after the one that this is connected to: its server
  // can't be written. Behind a pooler that is found out after the connect only.
  void pass_over() { ++next_; }

  // The rows of one statement, which commits by itself. An error is surely not done if the server
  // says so; else its connection is closed.
  sql_result<rows> run(const statement& what, boot_time deadline);
  // Several statements in one transaction, without parameters; their rows are dropped.
  sql_result<void> run_script(const std::string& sql, boot_time deadline);
  // Waits for a notification of a LISTEN; false: the time is over, or the connection.
  bool wait_for_notification(boot_time deadline);

  // Does nothing until then, or until it is cancelled.
  void rest(boot_time until) const;

  // From any thread: waits end at once, now and later.
  void cancel() noexcept;

  // The server is reached by a pooler, as far as can be told: its backend is not the one that
  // answered the connect.
  sql_result<bool> pooled(boot_time deadline);
  // "postgres://user@host:port/db".
  std::string name() const;

 private:
  enum class readiness : std::uint8_t { ready, timeout, cancelled };

  result<void> connect_to(const server& one, boot_time deadline);
  readiness wait(short events, boot_time deadline) const;
  std::optional<sql_error> send_all(boot_time deadline);
  sql_result<std::shared_ptr<pg_result>> last_result(boot_time deadline);
  sql_error failed(const pg_result& how);
  sql_error gone(const std::string& why);

  const target target_;
  std::shared_ptr<pg_conn> conn_;
  server here_;           // connected to, or tried last
  std::size_t next_ = 0;  // of the addresses, to be tried first
  bool warned_ = false;   // by the server, during the present statement
  bool late_ = false;
  int wake_ = -1;
};

}  // namespace hedgerow::store::postgres
