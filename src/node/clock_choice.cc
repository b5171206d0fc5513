#include "node/clock_choice.h"

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

}  // namespace hedgerow
