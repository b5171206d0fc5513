#pragma once
// Leadership as any thread may read it: one writer (the loop), a sequence lock, no query.

#include <atomic>
#include <cstdint>

#include <hedgerow/leadership.h>

#include "model/time.h"

namespace hedgerow::engine {

class leadership_cell {
 public:
  struct value {
    leadership_state state = leadership_state::following;
    fencing_token token = 0;
    instant act_until;   // E minus margin: `latest` must stay below (R1)
    instant safe_after;  // `earliest` must be above (R1, R8)
    microseconds max_error{};
  };

  // Confined to the loop's thread.
  void store(const value& v) {
    const auto n = sequence_.load(std::memory_order_relaxed);
    sequence_.store(n + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    state_.store(v.state, std::memory_order_relaxed);
    token_.store(v.token, std::memory_order_relaxed);
    act_until_.store(v.act_until.us, std::memory_order_relaxed);
    safe_after_.store(v.safe_after.us, std::memory_order_relaxed);
    max_error_.store(v.max_error.count(), std::memory_order_relaxed);
    sequence_.store(n + 2, std::memory_order_release);
  }

  // Thread-safe.
  value load() const {
    for (;;) {
      const auto before = sequence_.load(std::memory_order_acquire);
      value v{state_.load(std::memory_order_relaxed),
              token_.load(std::memory_order_relaxed),
              {act_until_.load(std::memory_order_relaxed)},
              {safe_after_.load(std::memory_order_relaxed)},
              microseconds{max_error_.load(std::memory_order_relaxed)}};
      std::atomic_thread_fence(std::memory_order_acquire);
      if ((before & 1) == 0 && sequence_.load(std::memory_order_relaxed) == before) return v;
    }
  }

  // R1 on a reading taken just before. Thread-safe.
  leadership judge(const bounded_time& now) const {
    const value v = load();
    leadership known{v.state, v.token, {}};
    if (v.state != leadership_state::leading) return known;
    if (!now.trusted(v.max_error) || now.earliest <= v.safe_after) {
      known.state = leadership_state::suspended;
    } else if (now.latest >= v.act_until) {
      known = {};
    } else {
      known.remaining = v.act_until - now.latest;
    }
    return known;
  }

 private:
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<leadership_state> state_{leadership_state::following};
  std::atomic<fencing_token> token_{0};
  std::atomic<std::int64_t> act_until_{0};
  std::atomic<std::int64_t> safe_after_{0};
  std::atomic<std::int64_t> max_error_{0};
};

}  // namespace hedgerow::engine
