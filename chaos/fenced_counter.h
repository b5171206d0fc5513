#pragma once
// A resource with a fence: a number in PostgreSQL that only grows under the greatest token.

#include <chrono>
#include <cstdint>
#include <string>

struct pg_conn;

namespace hedgerow::chaos {

// What is known of one increment.
struct increment {
  enum class outcome { done, refused, unknown, failed };
  outcome came_to = outcome::failed;
  std::int64_t value = 0;     // if done
  std::int64_t timeline = 0;  // if done: of the server that did it
};

std::string_view to_string(increment::outcome value);

// A connection of its own, made when it is needed. For one thread. Every wait has a deadline, for a
// frozen server answers nobody.
class fenced_counter {
 public:
  // `fenced` is what keeps a paused leader out; without it nothing does.
  fenced_counter(std::string url, bool fenced);
  ~fenced_counter();
  fenced_counter(const fenced_counter&) = delete;
  fenced_counter& operator=(const fenced_counter&) = delete;

  // unknown: it was sent, and there was no answer. failed: certainly not executed.
  increment add(std::int64_t token, std::chrono::milliseconds patience);

 private:
  using instant = std::chrono::steady_clock::time_point;

  bool wait(short events, instant until) const;
  bool connect(instant until);
  void disconnect();
  increment answer(instant until);

  std::string url_;
  std::string statement_;
  pg_conn* connection_ = nullptr;
};

}  // namespace hedgerow::chaos
