#pragma once
// A connection to the store in PostgreSQL: for groups across machines.
//
// Autocommitted single statements; safe at READ COMMITTED, REPEATABLE READ and SERIALIZABLE
// (serialization failures are certainly not done, and repeated within the deadline), and behind
// PgBouncer in transaction mode.
//
// The epoch (R9) is "<clock epoch>pg:<system id>:<timeline>:<nonce>:<oid of the database>:<oid of
// the table>", as the statement itself sees it: a promoted replica has another timeline, a restored
// dump or a replaced table another oid, a database that was made from a template its own, another
// cluster another system id. Two replicas of one primary that are
// promoted one after the other may have the same timeline; so the first statement on a timeline
// gives it a nonce, in hedgerow_timeline, and no write is executed on one without.
//
// Outcomes. `failed`: the server said ERROR, or nothing was sent. `unknown`: the connection ended,
// the deadline passed, or the server went down meanwhile; a late statement may still commit, which
// the statements themselves make harmless (R6). A commit that the server acknowledges with a
// warning, because a standby was not waited for, is `unknown` too.
//
// Each connect checks the server's settings and the tables, and creates them if it may. Connects
// that fail are repeated after 50 ms to 1 s. They may take as long as the statement that wants one;
// after one that a server had answered when the time was over twice as long, and so on up to 3 s
// for each server. A statement whose time is over when it is connected has failed, and the
// connection stays for the next.

#include <functional>
#include <set>
#include <string>

#include "store/connection.h"
#include "store/postgres/session.h"

namespace hedgerow::store::postgres {

class postgres_connection final : public connection {
 public:
  struct options {
    target to;
    std::string clock_epoch;  // ports::clock::epoch(), empty or ending before a "/"
    // Called on the connection's thread with each new warning about the server; may be empty.
    std::function<void(const std::string& text)> warn;
  };

  explicit postgres_connection(options with);

  result<void> ready(boot_time deadline) override;
  ports::lease_reply execute(const row_key& key, const ports::lease_request& request,
                             boot_time deadline) override;
  ports::view_reply execute(const row_key& key, const ports::view_request& request,
                            boot_time deadline) override;
  void cancel() noexcept override { session_.cancel(); }
  void close() override { session_.close(); }

 private:
  boot_time longer(boot_time deadline) const;
  result<void> connect(boot_time deadline);
  sql_result<rows> run(const statement& what, bool writes, boot_time deadline);
  // `once` executes a request and tells the epoch of what it executed.
  template <class Reply, class Request, class Once>
  Reply execute_on_timeline(const Request& request, const std::string& epoch, boot_time deadline,
                            const Once& once);
  sql_result<void> name_timeline(boot_time deadline);
  // Its one row, or nothing, and in the field behind the row's the epoch.
  template <class Row, class Decode>
  sql_result<std::optional<Row>> fetch(statement made, bool writes, int fields, std::string& epoch,
                                       boot_time deadline, const Decode& decode);
  std::string lease_statement(ports::lease_action action, row_kind kind) const;

  options with_;
  session session_;
  std::set<std::string> warned_of_;
  int failures_ = 0;  // of connects, in a row
  int late_ = 0;      // more that were too late than that were not, since the last such balance
  boot_time not_before_{};
  error last_failure_;
};

}  // namespace hedgerow::store::postgres
