#pragma once
// The end of a benchmark that can't go on.

#include <cstdio>
#include <string>

#include <unistd.h>

namespace hedgerow::bench {

// At once, without destructors: there may be threads and a peer that waits.
[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  _exit(1);
}

}  // namespace hedgerow::bench
