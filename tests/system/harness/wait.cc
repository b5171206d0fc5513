#include "tests/system/harness/wait.h"

#include <condition_variable>
#include <mutex>

namespace hedgerow::system_test {
namespace {

struct board {
  std::mutex lock;
  std::condition_variable changed;
  unsigned long version = 0;
};

board& the_board() {
  static board instance;
  return instance;
}

}  // namespace

void tell_news() {
  board& b = the_board();
  const std::lock_guard hold{b.lock};
  ++b.version;
  b.changed.notify_all();
}

bool wait_for(const std::function<bool()>& holds, milliseconds patience) {
  const auto deadline = steady_clock::now() + slowness * patience;
  board& b = the_board();
  for (;;) {
    unsigned long seen = 0;
    {
      const std::lock_guard hold{b.lock};
      seen = b.version;
    }
    if (holds()) return true;
    if (steady_clock::now() >= deadline) return false;
    std::unique_lock hold{b.lock};
    b.changed.wait_for(hold, milliseconds{10}, [&] { return b.version != seen; });
  }
}

}  // namespace hedgerow::system_test
