#pragma once
// What goes from the holder of a lock to its supervisor, and the supervisor's side of it.

#include <cstdint>

#include "tools/lock_supervisor.h"

namespace hedgerow::tools {

// Of fixed size and smaller than PIPE_BUF: written and read whole.
struct supervisor_order {
  enum class kind : std::int32_t { run, extend, stop, forward };
  kind what = kind::stop;
  std::int32_t signal = 0;
  std::int64_t token = 0;
  std::int64_t until_ns = 0;
};

// In the forked child; does not return.
[[noreturn]] void supervise(const lock_supervisor::task& what, int orders, int reports);

}  // namespace hedgerow::tools
