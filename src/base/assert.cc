#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace hedgerow::base {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "hedgerow: broken invariant `%s` at %s:%d; stopping here\n", expression,
               file, line);
  std::abort();
}

}  // namespace hedgerow::base
