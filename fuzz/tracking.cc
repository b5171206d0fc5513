// What came in answer to a question to chronyd, from whoever holds its port.

#include <string_view>

#include "base/assert.h"
#include "clock/chrony_tracking.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;
using namespace hedgerow::clock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint32_t sequence = 7;
  fuzz::input in(data, size);
  const bool before = in.choice(2) != 0;
  const auto parsed = parse_tracking(in.rest(), sequence);
  if (!parsed) return 0;
  HEDGEROW_ASSERT(in.rest().size() >= tracking_bytes);
  const clock_reads asked{.real_ns = 1'764'040'000'000'000'000, .mono_ns = 86'400'000'000'000};
  measurement_watch watch;
  watch.on_asked(asked);
  const clock_bound bound =
      bound_of(*parsed, asked, watch.measured_ns(parsed->reference_ns), before);
  if (!bound.usable()) return 0;
  HEDGEROW_ASSERT(bound.bound_ns >= 0 && bound.bound_ns <= bound_max_ns);
  HEDGEROW_ASSERT(bound.as_of_ns <= asked.mono_ns && bound.measured_ns <= bound.as_of_ns);
  const bounded_interval found = interval_at(bound, asked, 4'000'000);
  HEDGEROW_ASSERT(!found.trusted() || found.earliest_ns < found.latest_ns);
  return 0;
}
