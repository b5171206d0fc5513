// The first frame each way, from whoever can reach the port.

#include "wire/handshake.h"

#include <string>

#include "base/assert.h"
#include "fuzz/lib/target.h"
#include "wire/frame.h"

using namespace hedgerow;

namespace {

std::string_view body_of(const std::string& frame) {
  return std::string_view(frame).substr(wire::frame_header_bytes);
}

// What decodes can be encoded, and is then the same.
template <class Decode>
void check(std::string_view body, Decode decode) {
  const auto first = decode(body);
  if (!first) return;
  std::string once;
  HEDGEROW_ASSERT(wire::encode(*first, once));
  const auto second = decode(body_of(once));
  HEDGEROW_ASSERT(second);
  std::string twice;
  HEDGEROW_ASSERT(wire::encode(*second, twice));
  HEDGEROW_ASSERT(once == twice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const std::size_t kind = in.choice(3);
  if (in.rest().size() > wire::handshake_bytes_max) return 0;  // the frame reader refuses it
  if (kind == 0) check(in.rest(), wire::decode_hello);
  if (kind == 1) check(in.rest(), wire::decode_welcome);
  if (kind == 2) check(in.rest(), wire::decode_rejection);
  return 0;
}
