#pragma once
// A primary and a standby of it, for tests of failovers.

#include <memory>
#include <string>

#include "tests/databases/candidate.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {

class failover {
 public:
  failover();

  // Of both servers, by their Unix sockets; the primary comes first.
  std::string both() const;
  // What the primary commits from now on is lost when the standby is promoted. Waits until the
  // standby has what there was.
  void cut_replication();
  // Commits wait for the standby from now on.
  void replicate_synchronously();
  // Kills the primary and promotes the standby.
  void fail_over();
  // Without loss: the standby becomes the primary, and the primary its standby; and back.
  void switch_roles() { change(primary, *standby); }
  void switch_back() { change(*standby, primary); }

  postgres_test::postgres_server primary;
  std::unique_ptr<postgres_test::postgres_server> standby;

 private:
  bool caught_up() const;
  static void change(postgres_test::postgres_server& from, postgres_test::postgres_server& to);
};

}  // namespace hedgerow::databases_test
