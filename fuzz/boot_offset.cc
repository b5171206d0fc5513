// /proc/self/timens_offsets, which in a container may be anything.

#include <limits>
#include <string_view>

#include "base/assert.h"
#include "clock/machine_clock.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::int64_t offset = std::numeric_limits<std::int64_t>::min();
  const bool found = clock::parse_boot_offset(text, offset);
  HEDGEROW_ASSERT(found || offset == std::numeric_limits<std::int64_t>::min());
  return 0;
}
