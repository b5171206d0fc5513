#pragma once
// A real PgBouncer in front of a postgres_server, in transaction mode.

#include <cstdint>
#include <optional>
#include <string>

#include "tests/postgres/program.h"
#include "tests/postgres/scratch.h"
#include "tests/postgres/server.h"

namespace hedgerow::postgres_test {

struct bouncer_setup {
  bool passwords = true;  // SCRAM towards clients; else they are trusted. SCRAM to the server
  int pool_size = 20;     // connections to the server, for each pair of user and database
  std::string more = {};  // lines for the section [pgbouncer]
};

// As postgres_server: gone with this object, calls throw. The server must live as long; it may be
// down or restart meanwhile.
class pgbouncer {
 public:
  explicit pgbouncer(const postgres_server& behind, const bouncer_setup& with = {});
  ~pgbouncer();
  pgbouncer(const pgbouncer&) = delete;
  pgbouncer& operator=(const pgbouncer&) = delete;

  std::uint16_t port() const { return claim_.port(); }  // stays the same for all restarts
  std::string url(const std::string& user = "app", const std::string& database = "app") const;
  // Of the admin console: "PAUSE", "RESUME", "SHOW POOLS" …
  std::string admin(const std::string& command) const;

  void start();    // after kill9
  void restart();  // ends all connections
  void kill9();
  void freeze();
  void thaw();
  std::string log() const;

 private:
  scratch_folder scratch_;
  port_claim claim_;
  std::optional<program> process_;
};

}  // namespace hedgerow::postgres_test
