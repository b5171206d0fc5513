#pragma once
// From host names to addresses. The system's resolver blocks, for half a minute when its servers
// are gone, so a loop that runs asks `name_lookups`, whose threads nobody waits for.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/ip.h"

namespace hedgerow::net {

struct name_answer {
  std::vector<ip_address> addresses;  // best first; empty: failed
  std::string error;
};

// A literal is its own answer. Blocks for as long as the resolver does. Thread-safe.
name_answer look_up(const std::string& host);

// Confined to the loop's thread. Not more than `threads_max` lookups run at a time, the others wait
// for one of them to end; one lookup serves all that ask for a name meanwhile.
class name_lookups {
 public:
  using handler = std::function<void(const name_answer&)>;
  using ticket = std::uint64_t;
  using resolver = std::function<name_answer(const std::string& host)>;

  static constexpr std::size_t threads_max = 8;

  explicit name_lookups(event_loop::impl& loop);
  // Leaves threads behind that still resolve.
  ~name_lookups();
  name_lookups(const name_lookups&) = delete;
  name_lookups& operator=(const name_lookups&) = delete;

  // Calls the handler once, within a turn, never from within start.
  ticket start(const std::string& host, handler done);
  // The handler is dropped, unless it is about to be called in this very turn.
  void cancel(ticket which);
  // In place of look_up, for tests. Called on many threads.
  void resolve_with(resolver other) { resolve_ = std::move(other); }

 private:
  struct mailbox;

  void begin_waiting();
  void begin(const std::string& host);
  void finish(const std::string& host, const name_answer& answer);

  event_loop::impl& loop_;
  resolver resolve_ = look_up;
  std::shared_ptr<mailbox> mailbox_;
  // Being resolved or waiting for it; empty where all have cancelled.
  std::map<std::string, std::map<ticket, handler>> asked_;
  std::deque<std::string> waiting_;  // for a thread
  std::size_t running_ = 0;
  ticket last_ = 0;
};

}  // namespace hedgerow::net
