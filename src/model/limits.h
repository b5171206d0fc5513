#pragma once
// Every limit has its name here. Sizes are bytes.

#include <cstddef>
#include <cstdint>

namespace hedgerow::limits {

inline constexpr std::size_t name_bytes_max = 255;
inline constexpr std::size_t address_bytes_max = 255;
inline constexpr std::size_t zone_bytes_max = 255;
inline constexpr std::size_t machine_bytes_max = 16;
inline constexpr std::size_t tags_bytes_max = 8 * 1024;  // all keys and values of one member
inline constexpr std::size_t tags_max = 256;             // of one member
inline constexpr std::size_t members_max = 512;
// At once: fewer than the observers of one (D1), so that each has somebody who can vouch for it.
inline constexpr std::size_t joining_max = 8;
inline constexpr std::size_t removed_kept_max = 32;

inline constexpr std::size_t payload_bytes_default = 4 * 1024 * 1024;
inline constexpr std::size_t payload_bytes_max = 64 * 1024 * 1024;
inline constexpr std::size_t payload_bytes_min = 64;  // the words of a refusal must fit
// Any frame that is no payload; the largest is a view of members_max with all their tags.
inline constexpr std::size_t control_bytes_max = 6 * 1024 * 1024;
inline constexpr std::size_t error_text_bytes_max = 4 * 1024;

inline constexpr std::size_t connection_queue_bytes_max = 64 * 1024 * 1024;
inline constexpr std::size_t held_bytes_max = 256 * 1024 * 1024;  // for all slow peers of a node
inline constexpr std::size_t connections_max = 4096;

// Streams. What a receiver buffers for one is its window; of all streams on a connection together,
// stream_windows_max (see core/messaging/streams.h).
inline constexpr std::size_t stream_window_first = 64 * 1024;
inline constexpr std::size_t stream_window_max = 1024 * 1024;
inline constexpr std::size_t stream_windows_max = 64 * 1024 * 1024;
inline constexpr std::size_t streams_max = 16 * 1024;              // of one node or client
inline constexpr std::size_t stream_frame_bytes = 64 * 1024;       // of data; others go in between
inline constexpr std::size_t stream_frame_bytes_max = 128 * 1024;  // what is taken of others
// Of data that waits in a connection's queue: what comes later and is more urgent overtakes the
// rest.
inline constexpr std::size_t stream_lane_bytes = 256 * 1024;
inline constexpr std::size_t stream_lane_bytes_max = stream_lane_bytes + stream_frame_bytes;
// Written by the user and not yet taken by the connection, for each stream.
inline constexpr std::size_t stream_buffer_bytes = 256 * 1024;
inline constexpr std::size_t metadata_bytes_max = 8 * 1024;  // all keys and values of one stream
inline constexpr std::size_t metadata_max = 64;
inline constexpr std::size_t calls_in_flight_max = 64 * 1024;  // of one node or client
inline constexpr std::size_t handler_queue_max = 1024;
inline constexpr std::size_t handler_queue_bytes_max = 256 * 1024 * 1024;
inline constexpr std::size_t subscribers_max = 1024;

}  // namespace hedgerow::limits
