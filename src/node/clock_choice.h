#pragma once
// Which clock a node takes when its user did not say, and which one its store forbids.

#include <memory>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "core/lease/options.h"
#include "ports/clock.h"

namespace hedgerow {

// `wanted` as in clock/open_clock.h; empty: the machine's clock with a file, "auto" with a database
// that other machines reach. invalid_argument: the machine's own clock with such a database, for
// the boot times of two machines can't be compared.
result<std::string> choose_clock(std::string_view wanted, std::string_view store);

// That one, opened.
result<std::unique_ptr<ports::clock>> open_chosen_clock(std::string_view wanted,
                                                        std::string_view store);

// Options of a lease on this clock: one that may cease to be trusted is looked at more often.
core::lease_options lease_on(const ports::clock& clock, microseconds lease);

}  // namespace hedgerow
