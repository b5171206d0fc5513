#pragma once
// One client's connection through a postgres_proxy, and the server's end of it. Confined to the
// proxy's thread.

#include <functional>
#include <string>

#include "tests/postgres/proxy.h"

namespace hedgerow::postgres_test {

class proxy_link {
 public:
  // Owns both sockets, which must not block; `server` may be -1: then it ends at once.
  proxy_link(int number, int client, int server);
  ~proxy_link();
  proxy_link(const proxy_link&) = delete;
  proxy_link& operator=(const proxy_link&) = delete;

  int client() const { return client_; }
  int server() const { return server_; }
  short client_events() const;
  short server_events() const;

  // Reads and writes what can be, and goes as far as it comes. `ask` judges a request.
  void advance(const std::function<ruling(int connection, const std::string& sql)>& ask);
  void release();

  bool ended() const { return ended_; }
  bool kept() const { return stage_ == stage::request_kept || stage_ == stage::answer_kept; }
  bool busy() const { return stage_ != stage::idle; }
  // When `advance` is wanted at the latest; max() for never.
  steady_clock::time_point wakes_at() const;

 private:
  enum class stage : std::uint8_t { idle, request_kept, executing, answer_kept };

  void step(const std::function<ruling(int, const std::string&)>& ask);
  bool take_startup();
  bool take_request(const std::function<ruling(int, const std::string&)>& ask);
  void judged();
  void take_answers();
  void executed();
  void hear_client();
  void hear_server();
  void flush();
  void drop_client();
  void end_when_told();

  int number_;
  int client_;
  int server_;
  bool started_ = false;  // the client has said who it is
  bool server_gone_ = false;
  bool last_words_ = false;  // ends once the client has what is there for it
  bool ended_ = false;
  stage stage_ = stage::idle;
  ruling rule_;
  steady_clock::time_point until_ = steady_clock::time_point::max();
  std::string request_, answer_;
  std::string from_client_, from_server_, to_client_, to_server_;
};

}  // namespace hedgerow::postgres_test
