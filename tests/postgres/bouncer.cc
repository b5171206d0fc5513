#include "tests/postgres/bouncer.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/postgres/session.h"

namespace hedgerow::postgres_test {
namespace {

constexpr milliseconds patience{30'000};

// Not in the PATH of every user.
std::string bouncer_program() {
  const char* debian = "/usr/sbin/pgbouncer";
  return std::filesystem::exists(debian) ? debian : "pgbouncer";
}

}  // namespace

pgbouncer::pgbouncer(const postgres_server& behind, const bouncer_setup& with) {
  const std::filesystem::path& folder = scratch_.path();
  std::ofstream users{folder / "users.txt"};
  for (const std::string user : {"app", "owner", "postgres"})
    users << '"' << user << "\" \"" << postgres_server::password(user) << "\"\n";
  users.close();
  std::ofstream settings{folder / "pgbouncer.ini"};
  settings << "[databases]\n* = host=127.0.0.1 port=" << behind.port() << "\n[pgbouncer]\n"
           << "listen_addr = 127.0.0.1\nlisten_port = " << port() << "\n"
           << "unix_socket_dir = " << folder.native() << "\n"
           << "auth_type = " << (with.passwords ? "scram-sha-256" : "trust") << "\n"
           << "auth_file = " << (folder / "users.txt").native() << "\n"
           << "admin_users = postgres\npool_mode = transaction\n"
           << "default_pool_size = " << with.pool_size
           << "\nmax_client_conn = 500\n"
           // Its default of 15 s would make a test of a restart wait.
           << "server_login_retry = 0.2\n"
           << with.more << "\n";
  settings.close();
  start();
}

pgbouncer::~pgbouncer() {
  process_.reset();
  if (testing::UnitTest::GetInstance()->Failed())
    std::cerr << "log of pgbouncer on port " << port() << ":\n" << log() << std::endl;
}

std::string pgbouncer::url(const std::string& user, const std::string& database) const {
  return "postgres://" + user + ":" + postgres_server::password(user) +
         "@127.0.0.1:" + std::to_string(port()) + "/" + database;
}

std::string pgbouncer::admin(const std::string& command) const {
  return session{url("postgres", "pgbouncer")}.query(command);
}

void pgbouncer::start() {
  if (process_) throw std::runtime_error{"pgbouncer was started already"};
  process_.emplace(
      program_setup{.arguments = {bouncer_program(), scratch_.path() / "pgbouncer.ini"},
                    .folder = scratch_.path(),
                    .log = scratch_.path() / "pgbouncer.log"});
  const auto ready = [&] {
    if (!process_->running()) throw std::runtime_error{"pgbouncer has ended:\n" + log()};
    return !admin("SHOW VERSION").starts_with("error");
  };
  if (!wait_for(ready, patience)) throw std::runtime_error{"pgbouncer is not ready:\n" + log()};
}

void pgbouncer::restart() {
  if (process_) {
    process_->signal(SIGCONT);
    process_->signal(SIGTERM);
    if (!process_->wait_exit(patience))
      throw std::runtime_error{"pgbouncer does not stop:\n" + log()};
    process_.reset();
  }
  start();
}

void pgbouncer::kill9() {
  process_.reset();
}

void pgbouncer::freeze() {
  if (!process_) throw std::runtime_error{"no pgbouncer to freeze"};
  freeze_process(process_->pid());
}

void pgbouncer::thaw() {
  if (process_) process_->signal(SIGCONT);
}

std::string pgbouncer::log() const {
  return tail(scratch_.path() / "pgbouncer.log", 32'000);
}

}  // namespace hedgerow::postgres_test
