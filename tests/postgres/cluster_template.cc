#include "tests/postgres/cluster_template.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/postgres/program.h"
#include "tests/postgres/scratch.h"
#include "tests/postgres/server.h"

namespace hedgerow::postgres_test {
namespace {

namespace fs = std::filesystem;

constexpr const char* settings = R"(
shared_buffers = '16MB'
dynamic_shared_memory_type = mmap
max_connections = 100
wal_level = replica
max_wal_senders = 5
wal_keep_size = '64MB'
password_encryption = 'scram-sha-256'
log_line_prefix = '%m [%p] %u@%d %e '
)";

constexpr const char* hba = R"(
local all         all               trust
local replication all               trust
host  all         all 127.0.0.1/32  scram-sha-256
host  all         all all           scram-sha-256
)";

std::string roles() {
  std::string sql;  // one statement on each line
  for (const std::string role : {"owner", "app"})
    sql += "CREATE ROLE " + role + " LOGIN PASSWORD '" + postgres_server::password(role) + "'\n";
  sql += "ALTER ROLE postgres PASSWORD '" + postgres_server::password("postgres") + "'\n";
  sql += "CREATE DATABASE app OWNER owner\n";
  return sql;
}

void write(const fs::path& file, const std::string& text, std::ios::openmode how) {
  std::ofstream to{file, how};
  if (!(to << text << std::flush)) throw std::runtime_error{"cannot write " + file.native()};
}

// Modes are kept by the copy; owners are set.
void copy_folder(const fs::path& from, const fs::path& to) {
  fs::create_directory(to, from);
  give_away(to);
  for (const auto& entry : fs::recursive_directory_iterator{from}) {
    const fs::path target = to / entry.path().lexically_relative(from);
    if (entry.is_directory()) {
      fs::create_directory(target, entry.path());
    } else {
      fs::copy_file(entry.path(), target);
    }
    give_away(target);
  }
}

std::string server_version(const fs::path& scratch) {
  const fs::path log = scratch / "version.log";
  run({.arguments = {server_program("postgres"), "--version"}, .folder = scratch, .log = log});
  std::istringstream words{tail(log)};  // "postgres (PostgreSQL) 15.20 (...)"
  std::string version;
  words >> version >> version >> version;
  return version;
}

class file_lock {
 public:
  explicit file_lock(const fs::path& file)
      : fd_{open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)} {
    if (fd_ < 0 || flock(fd_, LOCK_EX) != 0)
      throw std::system_error{errno, std::generic_category(), "lock " + file.native()};
  }
  ~file_lock() { close(fd_); }
  file_lock(const file_lock&) = delete;
  file_lock& operator=(const file_lock&) = delete;

 private:
  int fd_;
};

// Its path; made if need be.
fs::path ready_template(const fs::path& scratch) {
  const std::size_t content = std::hash<std::string>{}(settings + std::string{hba} + roles());
  const std::string path = HEDGEROW_POSTGRES_TEMPLATE "-" + server_version(scratch) + "-" +
                           std::to_string(geteuid()) + "-" + std::to_string(content);
  const file_lock one_makes_it{path + ".lock"};
  if (fs::exists(path)) return path;
  make_cluster(scratch / "new", scratch);
  fs::remove_all(path + ".new");  // of a maker that was killed
  copy_folder(scratch / "new", path + ".new");
  fs::rename(path + ".new", path);
  return path;
}

}  // namespace

fs::path server_program(const std::string& name) {
  fs::path found;
  int newest = -1;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{"/usr/lib/postgresql", ignored}) {
    const int version = std::atoi(entry.path().filename().c_str());
    const fs::path program = entry.path() / "bin" / name;
    if (version > newest && fs::exists(program)) {
      newest = version;
      found = program;
    }
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders{path != nullptr ? path : ""};
  for (std::string folder; found.empty() && std::getline(folders, folder, ':');) {
    if (fs::exists(fs::path{folder} / name)) found = fs::path{folder} / name;
  }
  if (found.empty())
    throw std::runtime_error{name + " was not found; install the package postgresql"};
  return found;
}

void make_cluster(const fs::path& to, const fs::path& scratch) {
  const fs::path log = scratch / "initdb.log";
  // Small segments: a copy, a base backup and a switch of segments then cost little.
  run({.arguments = {server_program("initdb"), "--pgdata=" + to.native(), "--username=postgres",
                     "--auth=trust", "--encoding=UTF8", "--no-locale", "--wal-segsize=1",
                     "--no-sync"},
       .folder = scratch,
       .log = log});
  write(to / "postgresql.conf", settings, std::ios::app);
  write(to / "pg_hba.conf", hba, std::ios::trunc);
  write(scratch / "roles.sql", roles(), std::ios::trunc);
  run({.arguments = {server_program("postgres"), "--single", "-c", "exit_on_error=on", "-D", to,
                     "postgres"},
       .folder = scratch,
       .log = log,
       .input = scratch / "roles.sql"});
}

void copy_cluster(const fs::path& to, const fs::path& scratch) {
  copy_folder(ready_template(scratch), to);
}

}  // namespace hedgerow::postgres_test
