#pragma once
// Counts the entries of a message before protobuf allocates them: one that has two bytes on the
// wire has a hundred in memory. Used by the codecs of this folder only.

#include <cstddef>
#include <span>
#include <string_view>

namespace hedgerow::wire {

// At most so many of a length-delimited field in each message that holds it, and what is counted
// inside of them. A field that is not repeated has the limit 1: protobuf would merge several.
struct entry_limit {
  int field = 0;
  std::size_t most = 1;
  std::span<const entry_limit> inside{};
};

// Whether `body` keeps the limits, all the way down, and has no groups, which are no part of the
// protocol. True does not mean that it can be parsed. Fields without a limit are passed over.
bool keeps_limits(std::string_view body, std::span<const entry_limit> limits);

}  // namespace hedgerow::wire
