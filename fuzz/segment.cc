// ClockBound's shared memory, which any process that may write the file may have filled.

#include <string_view>

#include "base/assert.h"
#include "clock/clockbound_segment.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;
using namespace hedgerow::clock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const clock_bound bound = decode_copies(bytes, bytes);
  if (!bound.usable()) return 0;
  HEDGEROW_ASSERT(bytes.size() >= segment_v1_bytes);
  HEDGEROW_ASSERT(bound.bound_ns >= 0 && bound.bound_ns <= bound_max_ns);
  HEDGEROW_ASSERT(bound.void_after_ns > bound.as_of_ns);
  for (const std::int64_t later : {0LL, 1LL, 5'000'000'000LL, 1'000'000'000'000LL}) {
    const auto at =
        clock_reads{.real_ns = 1'764'040'000'000'000'000, .mono_ns = bound.as_of_ns + later};
    const bounded_interval found = interval_at(bound, at, 4'000'000);
    if (!found.trusted()) continue;
    HEDGEROW_ASSERT(found.earliest_ns < at.real_ns && at.real_ns < found.latest_ns);
    HEDGEROW_ASSERT(found.bound_ns >= bound.bound_ns && found.bound_ns >= bound_floor_ns);
    HEDGEROW_ASSERT(at.mono_ns < bound.void_after_ns);
  }
  return 0;
}
