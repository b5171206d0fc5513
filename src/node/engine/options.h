#pragma once
// What the engine is started with. Durations are validated by the facade before they get here.

#include <cstdint>
#include <string>

#include <hedgerow/member.h>

#include "core/lease/options.h"
#include "core/membership/options.h"
#include "model/limits.h"

namespace hedgerow::engine {

struct options {
  member self;  // the incarnation is filled in by the engine
  core::lease_options lease;
  core::membership_options membership;
  std::size_t payload_bytes_max = limits::payload_bytes_default;
  std::size_t stream_windows_bytes = limits::stream_windows_max;  // of a connection
  nanoseconds store_patience = milliseconds{2000};                // of view statements
  nanoseconds stop_patience = milliseconds{1500};  // until stop gives up being graceful
  std::uint64_t seed = 0;  // of incarnations and jitter; must differ between processes
};

}  // namespace hedgerow::engine
