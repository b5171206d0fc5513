#pragma once
// A real PostgreSQL for one test, or shared by the tests of one process.
//
// It listens on 127.0.0.1 and on a Unix socket in its scratch folder. Server, backends and folder
// are gone when this object ends, and also when the test's process is killed. Roles and databases:
// cluster_template.h. The log is printed if a test of this process has failed.
//
// Calls wait for what they cause, at most some tens of seconds, and throw std::runtime_error if it
// does not happen. For one thread; the URLs may be read by any.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "tests/postgres/program.h"
#include "tests/postgres/scratch.h"
#include "tests/postgres/wait.h"

namespace hedgerow::postgres_test {

struct server_setup {
  // A system identifier of its own, at the cost of an initdb (1 s). Otherwise all servers have that
  // of the template, as if restored from one backup.
  bool own_identity = false;
  // listen_addresses; 127.0.0.1 must be among them.
  std::string listen = "127.0.0.1";
};

// As pg_ctl names them: wait for the clients to go; end their sessions; end without a checkpoint,
// so that the next start recovers.
enum class shutdown_mode { smart, fast, immediate };

class postgres_server {
 public:
  explicit postgres_server(const server_setup& with = {});
  ~postgres_server();
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;

  // One for all tests of this process, started by the first call. Tests must leave it running, with
  // its settings and without tables that others could trip over.
  static postgres_server& shared();

  std::uint16_t port() const { return claim_->port(); }  // stays the same for all restarts
  const std::filesystem::path& folder() const { return scratch_.path(); }  // of the socket
  std::filesystem::path data() const { return folder() / "data"; }
  static std::string password(const std::string& user) { return user + "-secret"; }
  // By TCP, with the password in it.
  std::string url(const std::string& user = "app", const std::string& database = "app") const;
  std::string socket_url(const std::string& user = "postgres",
                         const std::string& database = "app") const;

  // As superuser, on a connection of its own; session::query says what comes back.
  std::string psql(const std::string& sql, const std::string& database = "app") const;
  // ALTER SYSTEM and reload; sessions that exist follow within milliseconds. `value` is as in SQL:
  // "on", "100", "'5s'". Settings that need it take effect with the next restart.
  void set(const std::string& name, const std::string& value);
  // Replaces pg_hba.conf, and reloads.
  void set_hba(const std::string& lines);
  // Connections may use TLS from now on, with a certificate for 127.0.0.1 and localhost. The file
  // of the authority that signed it, for sslrootcert.
  std::filesystem::path enable_tls();

  // After stop or kill9.
  void start();
  // A frozen server is thawed first. smart throws when a client stays for 30 s.
  void stop(shutdown_mode how = shutdown_mode::fast);
  void restart(shutdown_mode how = shutdown_mode::fast);
  // SIGKILL to all of its processes, without a chance to write anything: start recovers.
  void kill9();
  // SIGSTOP: nothing answers, connects to the port hang once the kernel has accepted them.
  void freeze();
  // Only what serves clients now: new connections work.
  void freeze_backends();
  void thaw();
  // Ends all sessions of clients (SQLSTATE 57P01) and waits until they are gone.
  void terminate_backends();

  // A copy that streams from this one, asynchronously, by its Unix socket. This one must live as
  // long. `name` is its cluster_name, so what synchronous_standby_names can say.
  std::unique_ptr<postgres_server> standby(const std::string& name = "standby");
  // Makes a standby a primary of the next timeline.
  void promote();

  // Until it takes statements; throws, with the log, if it ends or the time is over.
  void wait_ready(milliseconds patience = milliseconds{30'000});
  std::string log() const;

 private:
  postgres_server(const postgres_server& primary, std::string name);

  void spawn();
  void reload(const std::string& changed_since);
  std::string load_time() const;

  scratch_folder scratch_;
  std::optional<port_claim> claim_;
  std::string listen_ = "127.0.0.1";
  std::string name_;
  std::optional<program> postmaster_;
};

}  // namespace hedgerow::postgres_test
