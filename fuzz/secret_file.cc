// A file of secrets as people and templates leave it behind.

#include "net/secret_file.h"

#include <string_view>

#include "base/assert.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = net::parse_secrets(text, "f");
  if (!parsed) {
    // Fixed words and numbers: nothing of what is in the file.
    HEDGEROW_ASSERT(parsed.error().message().size() < 200);
    return 0;
  }
  HEDGEROW_ASSERT(!parsed->empty() && parsed->size() <= net::secrets_max);
  for (const auto& each : *parsed)
    HEDGEROW_ASSERT(each.identity().size() == std::string_view("hedgerow-").size() + 64);
  return 0;
}
