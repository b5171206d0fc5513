#pragma once
// Many cases that mostly wait, some of them at a time.

#include <cstddef>
#include <functional>

namespace hedgerow::postgres_test {

// Calls work(0) to work(count - 1) on so many threads, and returns when all are over.
void at_once(std::size_t threads, std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace hedgerow::postgres_test
