#pragma once
// Control messages: everything but requests, replies and the data of streams, as protobuf.

#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "model/message.h"
#include "wire/frame.h"

namespace hedgerow::wire {

// Appends a whole frame. Fails with too_large, or invalid_argument for a view_push without view.
// The text of a stream_reset is cut at limits::error_text_bytes_max. Requires: `what` is no
// request, no reply and no stream_data.
result<void> encode_control(const message::any& what, frame_type type, std::string& out);

result<message::any> decode_control(frame_type type, std::string_view body);

}  // namespace hedgerow::wire
