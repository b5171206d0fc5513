#pragma once
// A PostgreSQL on a host of its own, and hosts for agents of a group that use it.

#include <memory>
#include <string>

#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"
#include "tests/system/harness/network.h"

namespace hedgerow::system_test {

class networked_database {
 public:
  static constexpr int database = 0;  // the host of it; those of agents are 1 and up

  // Fails the test, and leaves ready() false, where there are no network namespaces.
  explicit networked_database(int agents);

  bool ready() const { return server_ != nullptr; }
  network& net() { return net_; }
  postgres_test::postgres_server& server() { return *server_; }
  std::string url(const std::string& parameters = "") const;

  // An agent on this host, which listens there for the others.
  agent& start(cluster& group, int number);
  static int host_of(const agent& one) { return one.name()[0] - 'a'; }
  // A run of the command there.
  outcome run(int number, const arguments& given) const;

 private:
  process_setup on_host(int number, process_setup with) const;

  network net_;
  std::unique_ptr<postgres_test::postgres_server> server_;
};

}  // namespace hedgerow::system_test
