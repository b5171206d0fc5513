#pragma once
// Waiting for a condition, with a deadline.

#include <chrono>
#include <functional>

namespace hedgerow::system_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A build with a sanitizer is several times slower, keeps freed memory for a while, has threads of
// its own and reserves terabytes of addresses.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
// By how much every patience is longer there.
inline constexpr int slowness = sanitized ? 4 : 1;

// Wakes whoever waits. Any process of the harness calls it when it has written or ended.
void tell_news();

// Looks at news and every few milliseconds besides. False when the time is over, `slowness` times
// this patience.
bool wait_for(const std::function<bool()>& holds, milliseconds patience);

}  // namespace hedgerow::system_test
