#pragma once
// What a node has counted since its start.

#include <cstdint>
#include <string_view>

namespace hedgerow {

// Grows only, but for `connections_open`, which is a present number. docs/hostile-input.md says
// what each name counts; names may be added, never renamed.
struct counter {
  std::string_view name;  // static
  std::uint64_t value = 0;
};

}  // namespace hedgerow
