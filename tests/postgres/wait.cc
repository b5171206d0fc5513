#include "tests/postgres/wait.h"

#include <poll.h>

namespace hedgerow::postgres_test {

bool wait_for(const std::function<bool()>& holds, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  for (;;) {
    if (holds()) return true;
    if (steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, 3);
  }
}

}  // namespace hedgerow::postgres_test
