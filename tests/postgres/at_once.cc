#include "tests/postgres/at_once.h"

#include <atomic>
#include <thread>
#include <vector>

namespace hedgerow::postgres_test {

void at_once(std::size_t threads, std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      for (std::size_t k = next++; k < count; k = next++)
        work(k);
    });
  }
  for (auto& one : workers)
    one.join();
}

}  // namespace hedgerow::postgres_test
