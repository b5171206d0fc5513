#include "tests/postgres/server.h"

#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include <gtest/gtest.h>
#include <sys/shm.h>

#include "tests/postgres/cluster_template.h"
#include "tests/postgres/session.h"

namespace hedgerow::postgres_test {
namespace {

constexpr milliseconds patience{30'000};

// Kills until nothing is left: a process may have had a child behind our back.
void kill_all_in(const std::filesystem::path& folder) {
  const auto gone = [&] {
    const auto left = processes_in(folder);
    for (const pid_t pid : left)
      kill(pid, SIGKILL);
    return left.empty();
  };
  if (!wait_for(gone, patience))
    throw std::runtime_error{"processes in " + folder.native() + " survive SIGKILL"};
}

// A postmaster that was killed leaves a segment of System V shared memory, which its pid file
// names.
void remove_shared_memory(const std::filesystem::path& data) {
  std::ifstream file{data / "postmaster.pid"};
  std::string line;
  for (int number = 1; number <= 7; ++number)
    std::getline(file, line);
  std::istringstream words{line};
  unsigned long key = 0;
  int id = -1;
  if (words >> key >> id) shmctl(id, IPC_RMID, nullptr);
}

}  // namespace

postgres_server::postgres_server(const server_setup& with) : listen_{with.listen} {
  claim_.emplace();
  if (with.own_identity) {
    make_cluster(data(), folder());
  } else {
    copy_cluster(data(), folder());
  }
  start();
}

postgres_server::postgres_server(const postgres_server& primary, std::string name)
    : name_{std::move(name)} {
  claim_.emplace();
  run({.arguments = {server_program("pg_basebackup"), "--pgdata=" + data().native(),
                     "--dbname=" + primary.socket_url("postgres", "postgres"),
                     "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast",
                     "--no-sync"},
       .folder = folder(),
       .log = folder() / "backup.log"});
  start();
}

postgres_server::~postgres_server() {
  try {
    kill9();
  } catch (const std::exception& failure) {
    ADD_FAILURE() << failure.what();
  }
  if (testing::UnitTest::GetInstance()->Failed())
    std::cerr << "log of the server on port " << port() << ":\n" << log() << std::endl;
}

postgres_server& postgres_server::shared() {
  static postgres_server server;
  return server;
}

std::string postgres_server::url(const std::string& user, const std::string& database) const {
  return "postgres://" + user + ":" + password(user) + "@127.0.0.1:" + std::to_string(port()) +
         "/" + database;
}

std::string postgres_server::socket_url(const std::string& user,
                                        const std::string& database) const {
  return "postgres://" + user + "@/" + database + "?host=" + folder().native() +
         "&port=" + std::to_string(port());
}

std::string postgres_server::psql(const std::string& sql, const std::string& database) const {
  return session{socket_url("postgres", database)}.query(sql);
}

std::string postgres_server::load_time() const {
  return psql("SELECT pg_conf_load_time()", "postgres");
}

void postgres_server::reload(const std::string& changed_since) {
  psql("SELECT pg_reload_conf()", "postgres");
  // New sessions inherit what the postmaster has read, and when.
  if (!wait_for([&] { return load_time() != changed_since; }, patience))
    throw std::runtime_error{"the server does not reload its settings"};
}

void postgres_server::set(const std::string& name, const std::string& value) {
  const std::string before = load_time();
  const std::string answer = psql("ALTER SYSTEM SET " + name + " = " + value, "postgres");
  if (!answer.empty()) throw std::runtime_error{"set " + name + ": " + answer};
  reload(before);
}

void postgres_server::set_hba(const std::string& lines) {
  const std::string before = load_time();
  std::ofstream{data() / "pg_hba.conf"} << lines << "\n";
  reload(before);
}

std::filesystem::path postgres_server::enable_tls() {
  const auto openssl = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    run({.arguments = std::move(arguments), .folder = folder(), .log = folder() / "openssl.log"});
  };
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-days", "2", "-subj", "/CN=authority of a test", "-keyout", "ca.key", "-out",
           "ca.pem"});
  openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
           "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
           "server.key", "-out", "server.csr"});
  openssl({"x509", "-req", "-in", "server.csr", "-copy_extensions", "copy", "-days", "2", "-CA",
           "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem"});
  set("ssl_cert_file", "'" + (folder() / "server.pem").native() + "'");
  set("ssl_key_file", "'" + (folder() / "server.key").native() + "'");
  set("ssl", "on");
  return folder() / "ca.pem";
}

void postgres_server::spawn() {
  std::vector<std::string> arguments = {server_program("postgres"),
                                        "-D",
                                        data(),
                                        "-c",
                                        "port=" + std::to_string(port()),
                                        "-c",
                                        "listen_addresses=" + listen_,
                                        "-c",
                                        "unix_socket_directories=" + folder().native()};
  if (!name_.empty()) arguments.insert(arguments.end(), {"-c", "cluster_name=" + name_});
  postmaster_.emplace(
      program_setup{.arguments = arguments, .folder = data(), .log = folder() / "server.log"});
}

void postgres_server::start() {
  if (postmaster_) throw std::runtime_error{"the server was started already"};
  constexpr int attempts = 5;
  for (int attempt = 1;; ++attempt) {
    spawn();
    try {
      return wait_ready();
    } catch (const std::runtime_error&) {
      // Only a claim that never served may move: URLs are in use after that.
      const bool clash = log().find("Address already in use") != std::string::npos;
      const bool served = log().find("ready to accept") != std::string::npos;
      if (attempt == attempts || !clash || served) throw;
      kill9();
      claim_.emplace();
    }
  }
}

void postgres_server::wait_ready(milliseconds limit) {
  const auto ready = [&] {
    if (!postmaster_ || !postmaster_->running())
      throw std::runtime_error{"the server has ended:\n" + log()};
    return psql("SELECT 1", "postgres") == "1\n";
  };
  if (!wait_for(ready, limit)) throw std::runtime_error{"the server is not ready:\n" + log()};
}

void postgres_server::stop(shutdown_mode how) {
  if (!postmaster_) return;
  thaw();
  constexpr int signals[] = {SIGTERM, SIGINT, SIGQUIT};
  postmaster_->signal(signals[static_cast<int>(how)]);
  if (!postmaster_->wait_exit(patience))
    throw std::runtime_error{"the server does not stop:\n" + log()};
  postmaster_.reset();
}

void postgres_server::restart(shutdown_mode how) {
  stop(how);
  start();
}

void postgres_server::kill9() {
  if (postmaster_) {
    postmaster_->signal(SIGKILL);
    postmaster_->wait_exit(patience);
  }
  kill_all_in(data());
  remove_shared_memory(data());
  postmaster_.reset();
}

void postgres_server::freeze() {
  if (!postmaster_) throw std::runtime_error{"no server to freeze"};
  // The postmaster first: then there is nobody to start others.
  freeze_process(postmaster_->pid());
  for (const pid_t pid : processes_in(data()))
    freeze_process(pid);
}

void postgres_server::freeze_backends() {
  std::istringstream pids{
      psql("SELECT pid FROM pg_stat_activity "
           "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")};
  for (pid_t pid = 0; pids >> pid;)
    freeze_process(pid);
}

void postgres_server::thaw() {
  for (const pid_t pid : processes_in(data()))
    kill(pid, SIGCONT);
}

void postgres_server::terminate_backends() {
  const std::string answer = psql(
      "SELECT coalesce(bool_and(pg_terminate_backend(pid, 20000)), true) "
      "FROM pg_stat_activity "
      "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
  if (answer != "t\n") throw std::runtime_error{"sessions do not end: " + answer};
}

std::unique_ptr<postgres_server> postgres_server::standby(const std::string& name) {
  return std::unique_ptr<postgres_server>{new postgres_server{*this, name}};
}

void postgres_server::promote() {
  const std::string answer = psql("SELECT pg_promote(true, 30)");
  if (answer != "t\n") throw std::runtime_error{"promote: " + answer};
}

std::string postgres_server::log() const {
  return tail(folder() / "server.log", 32'000);
}

}  // namespace hedgerow::postgres_test
