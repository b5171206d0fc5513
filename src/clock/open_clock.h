#pragma once
// A clock from what the user wrote.

#include <memory>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "clock/clockbound_source.h"
#include "ports/clock.h"

namespace hedgerow::clock {

// Where sources are looked for when the user names no place.
struct clock_places {
  clockbound_paths clockbound;
  std::string chrony;  // as in parse_chrony_address
};

// machine                                the machine's own clock; scale "boot", all others "utc"
// clockbound | clockbound:PATH           ClockBound's shared memory
// chrony | chrony:HOST:PORT | chrony:/PATH   chronyd's tracking
// declared:D                             the wall clock, with an error of D: 250us, 5ms, 1s; from
//                                        1us to 1s, while leases take at most 50ms
// auto                                   clockbound if its segment is there, else chrony
//
// A source that is not there is no error: readings are not trusted until it comes. Errors:
// invalid_argument, with words that say what to write; a system's code if descriptors are short.
result<std::unique_ptr<ports::clock>> open_clock(std::string_view spec,
                                                 const clock_places& places = {});

}  // namespace hedgerow::clock
