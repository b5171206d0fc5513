#pragma once
// HEDGEROW_ASSERT stays on in every build: a broken invariant of our own ends the process before it
// can act on nonsense. Never for what a peer, a store or a user may cause.

namespace hedgerow::base {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace hedgerow::base

#define HEDGEROW_ASSERT(expression)    \
  ((expression) ? static_cast<void>(0) \
                : ::hedgerow::base::assertion_failed(#expression, __FILE__, __LINE__))
