#pragma once
// A proxy between clients and a postgres_server that understands just enough of the protocol to
// stop between a request and its answer: a request is what a client sends up to its Sync, or one
// simple query.
//
// Clients speak TCP without a password, the server is reached by its Unix socket. One thread serves
// all connections; it never waits for one of them.
//
// What is not understood: COPY, several requests of one connection under way at once (the second
// waits), encryption (refused, as by a server without a certificate). CancelRequest goes nowhere.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/postgres/server.h"
#include "tests/postgres/wait.h"

namespace hedgerow::postgres_test {

struct proxy_request {
  int number = 0;      // from 1, of all connections together
  int connection = 0;  // the same
  std::string sql;     // without its parameters
};

enum class fate : std::uint8_t {
  pass,
  cut_before,    // the client's connection is cut; the server never sees the request
  cut_after,     // executed; the client's connection is cut in place of the answer
  hold_request,  // kept until `release`, and then executed whatever became of the client
  hold_answer,   // executed; the answer is kept until `release`
  drop_answer,   // executed; the client hears nothing, its connection stays
  refuse,        // the server never sees it; the client gets an ERROR
};

struct ruling {
  fate what = fate::pass;
  milliseconds before{0};  // so long the request is kept
  milliseconds after{0};   // so long the answer is
  std::string sqlstate{};  // of `refuse`
};

// Calls are for any thread but the proxy's own, and wait until they have taken effect.
class postgres_proxy {
 public:
  // On the proxy's thread, once for each request, when it has come whole. Must not call the proxy.
  using judge = std::function<ruling(const proxy_request&)>;

  // The server must live as long; it may be down or restart meanwhile.
  explicit postgres_proxy(const postgres_server& behind);
  ~postgres_proxy();
  postgres_proxy(const postgres_proxy&) = delete;
  postgres_proxy& operator=(const postgres_proxy&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& user = "owner", const std::string& database = "app") const;

  // From the next request on; an empty one lets all pass.
  void decide(judge by);
  // What was kept goes on: requests to the server, answers to their clients.
  void release();
  // Ends all connections; requests that are kept are forgotten.
  void cut();
  // New connections are closed at once, as by a host where nobody serves.
  void refuse_connections(bool refused);
  // Where new connections go from now on; those that exist stay where they are.
  void lead_to(const postgres_server& other);

  std::vector<proxy_request> requests() const;  // all that came so far
  std::size_t kept() const;                     // requests and answers
  // True once nothing is kept or being executed.
  bool wait_settled(milliseconds patience = milliseconds{20'000}) const;

 private:
  class loop;

  void on_loop(const std::function<void(loop&)>& what) const;

  std::uint16_t port_ = 0;
  std::unique_ptr<loop> loop_;
  std::thread thread_;
};

}  // namespace hedgerow::postgres_test
