// Acquire and release of a lock that nobody else wants, beside what else people lock with. The
// contestants take turns, round by round, so that all meet the same machine and disk. What each
// does durably in one cycle:
//
//   hedgerow::lock     two commits of one row, each synced: the acquire, with a fencing token and
//                      an expiry, and the release. The row is there from earlier use.
//   etcd               two proposals, each synced to its log: a key under a lease that was granted
//                      before, and its removal; the key's revision can serve as a token. One node,
//                      by the JSON gateway, which is one more hop inside the server.
//   pg_advisory_lock   nothing: an entry in the server's memory that ends with the session. No
//                      token; who loses the session without noticing goes on as if it held it.
//   fdatasync          the yardstick: 4 KiB written over and synced, once.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fcntl.h>
#include <hedgerow/lock.h>
#include <libpq-fe.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "bench/lib/die.h"
#include "bench/lib/locking.h"
#include "bench/lib/series.h"

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using hedgerow::bench::clock;
using hedgerow::bench::die;
using hedgerow::bench::series;
using nlohmann::json;
using tcp = boost::asio::ip::tcp;

struct setup {
  std::string folder;
  std::string postgres;
  std::string etcd_port;
  int rounds = 20;
};

struct contestant {
  std::string name;
  int cycles_per_round;
  std::function<void()> cycle;
  series took;  // a cycle, on average over each round

  void round() {
    const auto start = clock::now();
    for (int i = 0; i < cycles_per_round; ++i)
      cycle();
    took.add((clock::now() - start) / cycles_per_round);
  }
};

class hedgerow_lock {
 public:
  hedgerow_lock(const std::string& store, const std::string& clock_spec)
      : lock_(hedgerow::bench::open_lock(store, clock_spec)) {}

  void cycle() {
    hedgerow::bench::acquire(*lock_);
    lock_->release();
  }

 private:
  std::unique_ptr<hedgerow::lock> lock_;
};

class advisory_lock {
 public:
  explicit advisory_lock(const std::string& url) : session_(PQconnectdb(url.c_str()), PQfinish) {
    if (PQstatus(session_.get()) != CONNECTION_OK) die(PQerrorMessage(session_.get()));
  }

  void cycle() {
    run("SELECT pg_advisory_lock(1)");
    run("SELECT pg_advisory_unlock(1)");
  }

 private:
  void run(const char* sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(session_.get(), sql),
                                                               PQclear);
    if (PQresultStatus(answer.get()) != PGRES_TUPLES_OK) die(PQerrorMessage(session_.get()));
  }

  std::unique_ptr<PGconn, decltype(&PQfinish)> session_;
};

// One kept-alive connection to the JSON gateway.
class etcd_lock {
 public:
  explicit etcd_lock(const std::string& port) : stream_(context_) {
    boost::system::error_code failed;
    const auto found = tcp::resolver(context_).resolve("127.0.0.1", port, failed);
    if (!failed) stream_.connect(found, failed);
    if (!failed) stream_.socket().set_option(tcp::no_delay(true), failed);
    if (failed) die("no etcd on port " + port + ": " + failed.message());
    lease_ = call("/v3/lease/grant", {{"TTL", 600}}).at("ID");
  }

  void cycle() {
    const json held = call("/v3/lock/lock", {{"name", "YmVuY2g="}, {"lease", lease_}});
    call("/v3/lock/unlock", {{"key", held.at("key")}});
  }

 private:
  json call(const std::string& path, const json& body) {
    http::request<http::string_body> request(http::verb::post, path, 11, body.dump());
    request.set(http::field::host, "127.0.0.1");
    request.prepare_payload();
    http::response<http::string_body> response;
    boost::system::error_code failed;
    http::write(stream_, request, failed);
    if (!failed) http::read(stream_, buffer_, response, failed);
    if (failed) die("etcd, " + path + ": " + failed.message());
    json answer = json::parse(response.body(), nullptr, false);
    if (response.result() != http::status::ok || !answer.is_object())
      die("etcd, " + path + ": " + response.body());
    return answer;
  }

  boost::asio::io_context context_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  json lease_;
};

class synced_file {
 public:
  explicit synced_file(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), block_(4096, 'x') {
    // Written over later, as a log is that is used again: a file that grows syncs its size, too.
    for (int i = 0; i < blocks; ++i)
      write(i);
    if (fsync(fd_) != 0) die("no file to sync: " + path);
  }
  ~synced_file() { close(fd_); }
  synced_file(const synced_file&) = delete;
  synced_file& operator=(const synced_file&) = delete;

  void cycle() {
    at_ = (at_ + 1) % blocks;
    write(at_);
    if (fdatasync(fd_) != 0) die("fdatasync failed");
  }

 private:
  static constexpr int blocks = 256;

  void write(int block) const {
    const auto size = static_cast<ssize_t>(block_.size());
    if (pwrite(fd_, block_.data(), block_.size(), block * size) != size) die("pwrite failed");
  }

  int fd_;
  std::string block_;
  int at_ = 0;
};

void run(const setup& with) {
  hedgerow_lock sqlite(with.folder + "/locks.db", "machine");
  hedgerow_lock postgres(with.postgres, "declared:5ms");
  advisory_lock advisory(with.postgres);
  etcd_lock etcd(with.etcd_port);
  synced_file file(with.folder + "/synced");
  std::vector<contestant> all;
  all.push_back({"fdatasync", 40, [&] { file.cycle(); }, {}});
  all.push_back({"sqlite", 40, [&] { sqlite.cycle(); }, {}});
  all.push_back({"postgres", 40, [&] { postgres.cycle(); }, {}});
  all.push_back({"etcd", 40, [&] { etcd.cycle(); }, {}});
  all.push_back({"advisory", 400, [&] { advisory.cycle(); }, {}});
  // The first waits for a lease where nobody has used the lock before.
  for (auto& one : all)
    for (int i = 0; i < 5; ++i)
      one.cycle();
  for (int i = 0; i < with.rounds; ++i)
    for (auto& one : all)
      one.round();
  for (auto& one : all)
    one.took.print(one.name);
}

}  // namespace

int main(int argc, char** argv) {
  setup with;
  CLI::App app{"Cycles of acquire and release of several kinds of locks, one JSON object each"};
  app.add_option("--folder", with.folder, "on the disk of the servers' data")->required();
  app.add_option("--postgres", with.postgres, "a URL")->required();
  app.add_option("--etcd", with.etcd_port, "the port of its clients on 127.0.0.1")->required();
  app.add_option("--rounds", with.rounds);
  CLI11_PARSE(app, argc, argv);
  run(with);
  return 0;
}
