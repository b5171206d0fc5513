#pragma once

#include <cstdlib>

#include <hedgerow/security.h>

namespace hedgerow {

// With HEDGEROW_TEST_SECRET_FILE in the environment (see tests/CMakeLists.txt) nodes and clients of
// tests speak TLS.
inline security_options security_of_tests() {
  security_options out;
  const char* const file =
      std::getenv("HEDGEROW_TEST_SECRET_FILE");  // NOLINT(concurrency-mt-unsafe)
  if (file != nullptr) out.secret_file = file;
  return out;
}

}  // namespace hedgerow
