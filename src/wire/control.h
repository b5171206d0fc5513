#pragma once
// Control messages: everything but requests and replies, as protobuf.

#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "model/message.h"
#include "wire/frame.h"

namespace hedgerow::wire {

// Appends a whole frame. Fails with too_large, or invalid_argument for a view_push without view.
// Requires: `what` is no request and no reply.
result<void> encode_control(const message::any& what, frame_type type, std::string& out);

result<message::any> decode_control(frame_type type, std::string_view body);

}  // namespace hedgerow::wire
