#pragma once
// What a PostgreSQL URL means: servers, parameters, and what may be shown of it.
//
// postgres://USER@HOST[:PORT][,HOST[:PORT]…]/DATABASE[?KEY=VALUE&…], with libpq's parameters. Its
// environment variables (PGPASSWORD, PGPASSFILE, PGSSLMODE, PGHOST …) count where the URL is
// silent.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hedgerow/error.h>

namespace hedgerow::store::postgres {

struct server {
  std::string host;     // a name, an address, or the folder of a Unix socket; may be empty
  std::string address;  // numeric; empty: to be looked up
  std::string port;     // empty: libpq's default

  bool operator==(const server&) const = default;
  // Whether it can only be on this machine.
  bool is_local() const;
};

struct target {
  std::vector<server> servers;  // in the order of the URL, never empty
  // Everything else for libpq, with our defaults.
  std::vector<std::pair<std::string, std::string>> parameters;
  // Clear text beyond this machine: only if somebody wrote sslmode=disable.
  bool clear_text = false;
  // For people: "user@host:port,host/database", without any secret.
  std::string name;
  // A password in the URL itself; anybody may see it on a command line.
  bool has_password = false;

  const std::string* find(std::string_view key) const;
};

// invalid_argument says what is wrong without repeating the URL, which may hold a password.
result<target> parse(const std::string& url);

// A numeric address of this machine's loopback.
bool is_loopback(const std::string& address);

}  // namespace hedgerow::store::postgres
