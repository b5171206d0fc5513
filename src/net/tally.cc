#include "net/tally.h"

#include <fmt/core.h>

namespace hedgerow::net {
namespace {

constexpr std::array<std::string_view, occurrences> names{
    "connections_accepted",    "connections_turned_away",
    "connections_displaced",   "connections_retired",
    "handshakes_abandoned",    "handshakes_timed_out",
    "handshakes_malformed",    "handshakes_wrong_version",
    "handshakes_wrong_group",  "handshakes_wrong_incarnation",
    "handshakes_not_ready",    "handshakes_from_oneself",
    "handshakes_plain",        "handshakes_encrypted",
    "handshakes_wrong_secret", "handshakes_wrong_certificate",
    "handshakes_tls_failed",   "frames_malformed",
    "frames_stalled",          "writes_stalled",
    "buffers_exceeded",        "descriptors_exhausted",
};

}  // namespace

std::vector<counter> tally::list() const {
  std::vector<counter> all{{"connections_open", open()}};
  for (std::size_t i = 0; i < occurrences; ++i)
    all.push_back({names.at(i), of(static_cast<occurrence>(i))});
  return all;
}

bookkeeper::bookkeeper(ports::log& log) : logs_(occurrences, rare_log(log, severity::warning)) {}

void bookkeeper::note(occurrence what, std::string_view who, std::string_view text) {
  numbers_->add(what);
  const auto kind = static_cast<std::size_t>(what);
  logs_.at(kind).write(fmt::format("{}: {}: {}", names.at(kind), who, text));
}

}  // namespace hedgerow::net
