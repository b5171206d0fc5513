#pragma once
// Waiting for what other processes do, with a deadline.

#include <chrono>
#include <functional>

namespace hedgerow::postgres_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Asks every few milliseconds: files of /proc and new connections tell nobody of their news. False
// when the time is over.
bool wait_for(const std::function<bool()>& holds, milliseconds patience);

}  // namespace hedgerow::postgres_test
