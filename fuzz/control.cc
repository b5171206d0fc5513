// Every control message that an open connection may bring.

#include "wire/control.h"

#include <array>
#include <string>

#include "base/assert.h"
#include "fuzz/lib/target.h"
#include "wire/codec.h"

using namespace hedgerow;
using wire::frame_type;

namespace {

constexpr std::array types{
    frame_type::probe,         frame_type::probe_ack,     frame_type::beat,
    frame_type::report,        frame_type::view_push,     frame_type::view_pull,
    frame_type::join,          frame_type::join_reply,    frame_type::leave,
    frame_type::released,      frame_type::subscribe,     frame_type::leader_news,
    frame_type::stream_open,   frame_type::stream_accept, frame_type::stream_credit,
    frame_type::stream_finish, frame_type::stream_reset,
};

// Nothing that was decoded is larger than its limits allow.
void check_limits(const message::any& what) {
  if (const auto* push = std::get_if<message::view_push>(&what)) {
    HEDGEROW_ASSERT(push->view != nullptr);
    HEDGEROW_ASSERT(push->view->members.size() <= limits::members_max);
    HEDGEROW_ASSERT(push->view->removed.size() <= limits::removed_kept_max);
  }
  if (const auto* beat = std::get_if<message::beat>(&what))
    HEDGEROW_ASSERT(beat->token >= 0 && beat->extra_subjects.size() <= limits::members_max);
  if (const auto* report = std::get_if<message::report>(&what))
    HEDGEROW_ASSERT(report->edges.size() <= limits::members_max);
  if (const auto* join = std::get_if<message::join>(&what))
    HEDGEROW_ASSERT(!join->who.name.empty() && join->who.tags.size() <= limits::tags_max);
  if (const auto* open = std::get_if<message::stream_open>(&what)) {
    HEDGEROW_ASSERT(open->metadata.size() <= limits::metadata_max && !open->metadata.contains(""));
    HEDGEROW_ASSERT(open->remaining >= nanoseconds::zero() && open->idle >= nanoseconds::zero());
  }
  if (const auto* reset = std::get_if<message::stream_reset>(&what))
    HEDGEROW_ASSERT(reset->text.size() <= limits::error_text_bytes_max);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const frame_type type = types.at(in.choice(types.size()));
  if (in.rest().size() > wire::body_limit(type, wire::stage::open, 0)) return 0;
  const auto first = wire::decode_control(type, in.rest());
  if (!first) return 0;
  check_limits(*first);
  std::string once;
  HEDGEROW_ASSERT(wire::encode_control(*first, type, once));
  const auto second =
      wire::decode_control(type, std::string_view(once).substr(wire::frame_header_bytes));
  HEDGEROW_ASSERT(second);
  std::string twice;
  HEDGEROW_ASSERT(wire::encode_control(*second, type, twice));
  HEDGEROW_ASSERT(once == twice);
  return 0;
}
