// What the view row holds: written by us, but anybody with SQL may have changed it.

#include "store/members_json.h"

#include "base/assert.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;

namespace {

template <class Read, class Write>
void check(std::string_view text, Read read, Write write) {
  const auto values = read(text);
  if (!values) return;
  const auto again = read(write(*values));
  HEDGEROW_ASSERT(again && *again == *values);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  if (in.choice(2) == 0) {
    check(in.rest(), store::members_from_json, store::members_to_json);
  } else {
    check(in.rest(), store::removed_from_json, store::removed_to_json);
  }
  return 0;
}
