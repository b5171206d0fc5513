#include "node/clock_choice.h"

#include "clock/open_clock.h"

namespace hedgerow {

result<std::string> choose_clock(std::string_view wanted, std::string_view store) {
  const bool shared = store.starts_with("postgres:") || store.starts_with("postgresql:");
  if (wanted.empty()) return shared ? "auto" : "machine";
  if (shared && wanted == "machine")
    return fail(errc::invalid_argument,
                "the machine's clock counts from its boot and means nothing to another machine; "
                "with PostgreSQL choose --clock auto, clockbound, chrony or declared:5ms");
  return std::string(wanted);
}

result<std::unique_ptr<ports::clock>> open_chosen_clock(std::string_view wanted,
                                                        std::string_view store) {
  const auto chosen = choose_clock(wanted, store);
  if (!chosen) return tl::unexpected(chosen.error());
  return clock::open_clock(*chosen);
}

core::lease_options lease_on(const ports::clock& clock, microseconds lease) {
  core::lease_options with;
  with.lease = lease;
  // The machine's own is trusted for good, or never.
  if (clock.scale() != "boot") with.clock_watch = milliseconds{100};
  return with;
}

}  // namespace hedgerow
