#pragma once
// What happens in the simulated world, in order of true time; ties in the order of planning.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hedgerow::sim {

// True time in nanoseconds since the start of the run. No node ever sees it.
using true_time = std::int64_t;

inline constexpr true_time microsecond = 1'000;
inline constexpr true_time millisecond = 1'000'000;
inline constexpr true_time second = 1'000'000'000;
inline constexpr true_time forever = INT64_MAX;

enum class event_kind : std::uint8_t {
  // To a process: held back while it is paused, dropped when it is gone.
  wake,         // a: generation of the timer
  handshake,    // a: dial
  opened,       // a: side of a connection
  dial_failed,  // a: side, b: dial_failure
  message,      // a: receiving side, b: pooled message
  drained,      // a: sending side, b: bytes
  retired,      // a: side
  closed,       // a: side, b: 1 if it was only found out now
  lease_reply,  // a: statement
  view_reply,   // a: statement
  job_start,    // a: job
  job_end,      // a: job
  // To the models and the script of the run.
  dial_arrives,   // a: side
  dial_deadline,  // a: side
  flow,           // a: connection, b: direction
  heal_cut,       // a: cut
  store_begin,    // a: statement
  store_execute,  // a: statement
  clock_walk,     // target: host
  clock_cured,    // target: host, a: generation
  fault,
  resume,      // target: process, a: generation
  start,       // target: slot, a: what to start
  destroy,     // target: process
  work,        // target: process
  call_check,  // a: call
  sample,
  stage,  // a: step of the run or of a directed schedule
  // To a process' lock client, which is a.
  lock_wake,  // b: generation of the timer
  lock_work,  // its user does something
  lock_look,  // somebody says that the row is free
  // To a process' users of streams.
  stream_open,  // one opens some
  stream_turn,  // a: end; its user does something
  // To a client that is no member.
  client_look,  // addresses of nodes have come
  client_work,  // its user calls
  client_turn,  // one starts, or ends
  // To the checker.
  stream_check,  // a: stream, b: its end
  count
};

// A process' network, store and handlers.
constexpr bool is_connection_news(event_kind k) {
  return k >= event_kind::handshake && k <= event_kind::closed;
}
constexpr bool is_reply(event_kind k) {
  return k == event_kind::lease_reply || k == event_kind::view_reply;
}
constexpr bool is_job(event_kind k) {
  return k == event_kind::job_start || k == event_kind::job_end;
}
constexpr bool is_lock(event_kind k) {
  return k >= event_kind::lock_wake && k <= event_kind::lock_look;
}
constexpr bool is_stream(event_kind k) {
  return k == event_kind::stream_open || k == event_kind::stream_turn;
}
constexpr bool is_client(event_kind k) {
  return k == event_kind::client_look || k == event_kind::client_work;
}
// The models' own steps. What a connection brings passes the network before its process.
constexpr bool is_network_step(event_kind k) {
  return k >= event_kind::dial_arrives && k <= event_kind::heal_cut;
}
constexpr bool is_store_step(event_kind k) {
  return k == event_kind::store_begin || k == event_kind::store_execute;
}
constexpr bool is_clock_step(event_kind k) {
  return k == event_kind::clock_walk || k == event_kind::clock_cured;
}

struct event {
  true_time at = 0;
  std::uint64_t order = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint32_t target = 0;
  event_kind kind = event_kind::stage;
};

// A heap of four branches: half as deep as one of two, and the children of a node lie together.
class event_queue {
 public:
  void push(event e) {
    e.order = next_order_++;
    std::size_t hole = heap_.size();
    heap_.push_back(e);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / branches;
      if (!sooner(e, heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = e;
  }
  // Requires: !empty().
  event pop() {
    const event first = heap_.front();
    const event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(last);
    return first;
  }
  bool empty() const { return heap_.empty(); }
  // Requires: !empty().
  true_time next_at() const { return heap_.front().at; }

 private:
  static constexpr std::size_t branches = 4;

  static bool sooner(const event& x, const event& y) {
    return x.at != y.at ? x.at < y.at : x.order < y.order;
  }
  // Puts `e` where the first was.
  void sink(const event& e) {
    event* const heap = heap_.data();
    const std::size_t size = heap_.size();
    std::size_t hole = 0;
    for (std::size_t child = 1; child < size; child = branches * hole + 1) {
      const std::size_t end = std::min(child + branches, size);
      std::size_t least = child;
      for (std::size_t i = child + 1; i < end; ++i)
        least = sooner(heap[i], heap[least]) ? i : least;
      if (!sooner(heap[least], e)) break;
      heap[hole] = heap[least];
      hole = least;
    }
    heap[hole] = e;
  }

  std::vector<event> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace hedgerow::sim
