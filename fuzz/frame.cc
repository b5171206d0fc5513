// A stream cut into frames, however it arrives.

#include "wire/frame.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;

namespace {

constexpr std::size_t payload_limit = 64 * 1024;

// With the whole body; of stream_data all that follows for the same stream, for it comes in pieces.
struct received {
  wire::frame_type type{};
  std::uint64_t stream = 0;
  std::string body;

  bool operator==(const received&) const = default;
};

struct cut {
  std::vector<received> frames;
  bool lost = false;

  bool operator==(const cut&) const = default;
};

// Takes what is there, frame by frame; false when the stream is lost.
bool take(wire::frame_reader& reader, wire::stage now, cut& out) {
  for (;;) {
    auto next = reader.next();
    if (!next) {
      out.lost = true;
      return false;
    }
    if (!*next) return true;
    const wire::frame& whole = **next;
    std::string body(whole.body);
    body += whole.payload;
    HEDGEROW_ASSERT(body.size() <= wire::body_limit(whole.type, now, payload_limit));
    const bool data = whole.type == wire::frame_type::stream_data;
    HEDGEROW_ASSERT(!data || !body.empty());
    if (data && !out.frames.empty() && out.frames.back().type == whole.type &&
        out.frames.back().stream == whole.stream) {
      out.frames.back().body += body;
    } else {
      out.frames.push_back({whole.type, whole.stream, std::move(body)});
    }
  }
}

cut read(std::string_view stream, wire::stage now, std::size_t piece) {
  static std::vector<char> scratch(64 * 1024);
  wire::frame_reader reader(now, payload_limit);
  cut out;
  std::size_t arrived = 0;
  while (!stream.empty()) {
    const auto into = reader.space(scratch);
    HEDGEROW_ASSERT(!into.empty());
    const std::size_t count = std::min({piece, into.size(), stream.size()});
    std::memcpy(into.data(), stream.data(), count);
    stream.remove_prefix(count);
    reader.arrived(count);
    arrived += count;
    if (!take(reader, now, out)) break;
    // Limits before allocation: a length alone allocates nothing.
    HEDGEROW_ASSERT(reader.held() <= 2 * arrived + 16 * 1024);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  constexpr std::array stages{wire::stage::awaiting_hello, wire::stage::awaiting_answer,
                              wire::stage::open, wire::stage::open_to_client};
  const wire::stage now = stages.at(in.choice(stages.size()));
  const std::size_t piece = 1 + in.choice(256);
  const cut whole = read(in.rest(), now, in.rest().size() + 1);
  HEDGEROW_ASSERT(read(in.rest(), now, piece) == whole);
  return 0;
}
