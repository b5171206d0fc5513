#pragma once
// Requests, replies and the data of streams: a fixed head, little-endian, then the payload up to
// the end of the frame.
//
//   request  u64 id, i64 remaining ns (not negative), u8 kind, u8 length of `from`, u16 zero,
//            from, payload
//   reply    u64 id, i64 token, u64 leader incarnation high, u64 low, u8 status, u8 length of
//            `from`, u8 length of the leader's address, u8 zero, from, address, payload
//   stream_data  u64 stream, data (never empty)

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "model/message.h"
#include "wire/frame.h"

namespace hedgerow::wire {

inline constexpr std::size_t request_head_bytes = 20;
inline constexpr std::size_t reply_head_bytes = 36;
inline constexpr std::size_t payload_head_max =
    reply_head_bytes + limits::name_bytes_max + limits::address_bytes_max;
inline constexpr std::size_t stream_head_bytes = 8;

// The head's length, names included; none if `body` is too short to tell. Requires:
// carries_payload(type).
std::optional<std::size_t> payload_head_size(frame_type type, std::string_view body);

// Append the head without the payload. Fail with invalid_argument on a name or address that is too
// long; `out` is then as before.
result<void> encode_head(const message::request& what, std::string& out);
result<void> encode_head(const message::reply& what, std::string& out);
// Fails with invalid_argument without data.
result<void> encode_head(const message::stream_data& what, std::string& out);

// The head only; the payload is left empty. `body` may be the whole body or just its head.
result<void> decode_head(std::string_view body, message::request& out);
result<void> decode_head(std::string_view body, message::reply& out);
// A whole body; the data is borrowed from it.
result<message::stream_data> decode_stream_data(std::string_view body);

}  // namespace hedgerow::wire
