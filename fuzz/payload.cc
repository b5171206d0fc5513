// Requests, replies and the data of streams.

#include <array>
#include <string>

#include "base/assert.h"
#include "fuzz/lib/target.h"
#include "wire/codec.h"

using namespace hedgerow;
using wire::frame_type;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  constexpr std::array types{frame_type::request, frame_type::reply, frame_type::stream_data};
  const auto type = types.at(in.choice(types.size()));
  if (in.rest().size() > wire::body_limit(type, wire::stage::open, limits::payload_bytes_max))
    return 0;
  const auto first = wire::decode(type, in.rest());
  if (!first) return 0;
  std::string once;
  HEDGEROW_ASSERT(wire::encode(*first, limits::payload_bytes_max, once));
  // Nothing is lost on the way, and nothing added.
  HEDGEROW_ASSERT(std::string_view(once).substr(wire::frame_header_bytes) == in.rest());
  return 0;
}
