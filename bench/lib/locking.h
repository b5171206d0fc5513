#pragma once
// A lock for a benchmark, which ends the program if it can't be had.

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <hedgerow/lock.h>

#include "bench/lib/die.h"

namespace hedgerow::bench {

inline constexpr std::chrono::milliseconds lock_lease{3000};

inline std::unique_ptr<lock> open_lock(const std::string& store, const std::string& clock_spec) {
  lock_space_options where;
  where.store = store;
  where.clock = clock_spec;
  auto space = lock_space::open(where);
  if (!space) die(space.error().message());
  lock_options what;
  what.name = "bench";
  what.lease = lock_lease;
  auto opened = lock::open(*space, what);
  if (!opened) die(opened.error().message());
  return std::move(*opened);
}

inline void acquire(lock& which) {
  if (auto held = which.acquire(std::chrono::seconds{30}); !held) die(held.error().message());
}

}  // namespace hedgerow::bench
