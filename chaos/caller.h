#pragma once
// The side of a worker that calls others: numbered sends, broadcasts and streams.

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include <hedgerow/node.h>

#include "chaos/history.h"
#include "chaos/worker_options.h"

namespace hedgerow::chaos {

// One thread calls; answers come on the node's loop. Must outlive the node.
class caller {
 public:
  caller(history& into, const worker_options& with);

  void send(node& from);
  void broadcast(node& from);
  // The next message of every stream that is open; opens some when there are none.
  void stream_on(node& from);
  // Notes how the streams ended. After node::stop().
  void note_ends();

 private:
  // A stream that this worker opened, and what it has written down of it.
  struct opened {
    std::string id;
    stream with;
    std::uint64_t written = 0;
    std::uint64_t acknowledged = 0;
    bool finished = false;
    bool ended = false;
  };

  std::string next_id();
  const char* word_of(call_outcome outcome) const;
  void answer(const std::string& id, const std::string& by, const result<std::string>& what);
  void open_to_leader(node& from);
  void open_to_all(node& from);
  void keep(std::string id, const char* kind, const std::string& to, stream with);
  void look_at(opened& one);
  void write_next(opened& one);

  history& into_;
  std::string prefix_;
  bool optimistic_;
  std::atomic<std::uint64_t> number_{0};  // of several threads
  std::vector<opened> streams_;
  std::uint64_t rounds_ = 0;
};

}  // namespace hedgerow::chaos
