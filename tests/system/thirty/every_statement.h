#pragma once
// Something that happens to an agent at a certain statement of its life.

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/postgres/proxy.h"
#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {

// The n-th request with this text, before the server has it or after it was executed.
struct moment {
  std::string sql;
  int n = 0;  // 0: never
  bool executed = false;
};

std::string in_short(const moment& when);

// All moments of these requests; by default of each text the first, with HEDGEROW_EVERY_STATEMENT=1
// each of them.
std::vector<moment> moments_of(const std::vector<postgres_test::proxy_request>& requests);

// Agent "a" behind a proxy, agent "b" not, in a schema of their own. At the moment, `a` gets the
// signal, and the request is executed or not.
class two_agents {
 public:
  two_agents(postgres_test::postgres_server& on, const std::string& schema,
             const std::string& lease, moment when, int signal);

  agent& start_a();
  agent& start_b();
  bool struck() const { return struck_at() != steady_clock::time_point{}; }
  steady_clock::time_point struck_at() const {
    return steady_clock::time_point{steady_clock::duration{at_.load()}};
  }

  postgres_test::postgres_proxy proxy;
  cluster group;

 private:
  postgres_test::ruling judge(const postgres_test::proxy_request& one);
  process_setup setup(const std::string& name, const std::string& url) const;

  const moment when_;
  const int signal_;
  const std::string direct_;
  int seen_ = 0;  // on the proxy's thread
  std::atomic<pid_t> pid_{0};
  std::atomic<std::int64_t> at_{0};
};

}  // namespace hedgerow::system_test
