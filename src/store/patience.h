#pragma once
// How long a statement may still be begun. Boot time, so that a suspended machine does not wake up
// with stale requests that still look young.

#include <ctime>

#include "model/time.h"

namespace hedgerow::store {

inline boot_time boot_now() noexcept {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

}  // namespace hedgerow::store
