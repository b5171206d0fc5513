#pragma once
// Messages to bytes and back. Pure: no state, no IO.
//
// Decoding refuses what is malformed or over a limit, with a text for the log; the connection that
// brought it is then not worth keeping. What protobuf does not know in a control message is
// ignored: a newer minor version may add fields.

#include <cstddef>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "model/bytes.h"
#include "model/message.h"
#include "wire/frame.h"

namespace hedgerow::wire {

frame_type type_of(const message::any& what);

// Appends a whole frame to `out`, or only its beginning: a payload longer than `copy_max` is not
// copied but returned, as it was given, and must follow `out` on the wire. On an error (too_large,
// invalid_argument) `out` is as before.
result<slice> encode(const message::any& what, std::size_t payload_limit, std::size_t copy_max,
                     std::string& out);

// The whole frame in one piece.
result<void> encode(const message::any& what, std::size_t payload_limit, std::string& out);

// Of an open connection's frame. Copies a short payload once, takes over a long one. The data of a
// stream stays where it is and is borrowed, for as long as the frame's body is valid.
result<message::any> decode(frame&& in);
result<message::any> decode(frame_type type, std::string_view body);

}  // namespace hedgerow::wire
