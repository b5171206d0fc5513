#pragma once
// Waiting for a condition, with a deadline.

#include <chrono>
#include <functional>

namespace hedgerow::system_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Wakes whoever waits. Any process of the harness calls it when it has written or ended.
void tell_news();

// Looks at news and every few milliseconds besides. False when the time is over.
bool wait_for(const std::function<bool()>& holds, milliseconds patience);

}  // namespace hedgerow::system_test
