#pragma once
// How users are told of their clock.

#include <string>
#include <string_view>

#include "model/time.h"

namespace hedgerow::engine {

// "synchronized", "free_running", "unknown", "disrupted"; "too_wide" in place of the first two.
std::string_view clock_status_name(clock_status status, bool too_wide);

// `width_max` as of lease_options.max_error: of the whole interval.
std::string too_wide_text(nanoseconds error_bound, microseconds width_max);

}  // namespace hedgerow::engine
