#include "node/engine/clock_words.h"

namespace hedgerow::engine {

std::string_view clock_status_name(clock_status status, bool too_wide) {
  switch (status) {
    case clock_status::synchronized:
      return too_wide ? "too_wide" : "synchronized";
    case clock_status::free_running:
      return too_wide ? "too_wide" : "free_running";
    case clock_status::unknown:
      return "unknown";
    case clock_status::disrupted:
      return "disrupted";
  }
  return "unknown";
}

std::string too_wide_text(nanoseconds error_bound, microseconds width_max) {
  return "the clock may be wrong by " + std::to_string(error_bound.count() / 1000) +
         " us, and leases allow " + std::to_string(width_max.count() / 2) +
         " us; see to its time source";
}

}  // namespace hedgerow::engine
