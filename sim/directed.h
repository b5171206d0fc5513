#pragma once
// Schedules that no random search finds in reasonable time, played with real engines.
//
// The first two are those of section 8 of the fast tier's reference: two promotions within LMAX and
// a re-pin; a re-pin by a leader whose lease is over. The others: a take that waits in its driver
// through a promotion; a release whose answer is late; a row that is created late; reports of
// observers that are out of the leader's reach; a view that the store has lost; and those that
// reach a probe which seeds seldom pass. Each must leave every checker content; the mutants of its
// rules must not.

#include <optional>
#include <string_view>
#include <vector>

#include "sim/kernel.h"

namespace hedgerow::sim {

struct schedule {
  std::string_view name;
  std::string_view rule;
  // Plays it; `words` is where its trace goes.
  std::optional<violation> (*play)(trace::mode words, detail up_to);
  // The probe for whose sake it is; seeds need not pass it.
  std::optional<std::size_t> reaches{};
};

// A schedule that could not be brought about is a violation of this name; it proves nothing.
inline constexpr std::string_view not_reached = "schedule";

const std::vector<schedule>& directed_schedules();
// With the word of a schedule that did not reach its probe.
std::optional<violation> play(const schedule& s, trace::mode words, detail up_to);

}  // namespace hedgerow::sim
