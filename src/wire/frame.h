#pragma once
// Frames: what a connection carries.
//
// A frame is an 8-byte header and a body. The header, little-endian: u32 length of the body, u8
// type, u8 flags, u16 reserved; the last two are zero in this protocol version. The length is
// checked against the type's limit before anything is allocated for the body.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "model/limits.h"

namespace hedgerow::wire {

// The numbers are the protocol; they are never reused.
enum class frame_type : std::uint8_t {
  hello = 1,
  welcome = 2,
  rejection = 3,

  probe = 16,
  probe_ack = 17,
  beat = 18,
  report = 19,
  view_push = 20,
  view_pull = 21,
  join = 22,
  join_reply = 23,
  leave = 24,
  released = 25,
  subscribe = 26,
  leader_news = 27,

  request = 64,
  reply = 65,

  stream_open = 72,
  stream_accept = 73,
  stream_data = 74,
  stream_credit = 75,
  stream_finish = 76,
  stream_reset = 77,
};

// Requests and replies. Everything else but stream_data is protobuf.
constexpr bool carries_payload(frame_type type) {
  return type == frame_type::request || type == frame_type::reply;
}

// What may arrive depends on how far the handshake is, and on who is there: a stranger's frame is
// small, and a client asks and never tells.
enum class stage : std::uint8_t { awaiting_hello, awaiting_answer, open, open_to_client };

inline constexpr std::size_t frame_header_bytes = 8;
inline constexpr std::size_t handshake_bytes_max = 4 * 1024;

struct frame_header {
  std::uint32_t length = 0;
  frame_type type = frame_type::hello;

  bool operator==(const frame_header&) const = default;
};

// The longest body of a type in a stage; none where the type is unknown or out of place.
std::optional<std::size_t> body_limit(frame_type type, stage now, std::size_t payload_limit);

std::array<char, frame_header_bytes> encode_header(const frame_header& header);

// Requires: at least frame_header_bytes. Fails on a type, length, flag or reserved bit that must
// not be here now.
result<frame_header> decode_header(std::string_view data, stage now, std::size_t payload_limit);

struct frame {
  frame_type type = frame_type::hello;
  std::string_view body;  // valid until the reader's next call; without the payload if `split`
  bool split = false;  // a long request or reply: its payload is apart, already in its own string
  std::string payload;
  // Of stream_data. Its body is then a piece of the data: what has arrived of it, never empty.
  std::uint64_t stream = 0;
};

// Cuts a stream into frames. It owns no receive buffer: an idle connection costs nothing. What
// arrives goes into a scratch buffer that all connections share, and a long body straight into its
// final string, which never grows beyond twice what has arrived. The data of streams is handed on
// in pieces, as it arrives, out of the scratch buffer: nobody waits for the end of its frame.
//
// In turns: space(), receive into it, arrived(n), then next() until it has nothing more. Only then
// may the scratch buffer be used for something else.
class frame_reader {
 public:
  static constexpr std::size_t scratch_bytes_min = 16 * 1024;

  frame_reader(stage now, std::size_t payload_limit) : stage_(now), payload_limit_(payload_limit) {}

  void set_stage(stage now) { stage_ = now; }

  // Where to put what arrives; never empty. Requires: at least scratch_bytes_min of scratch.
  std::span<char> space(std::span<char> scratch);
  void arrived(std::size_t count);
  // The next whole frame, or piece of stream data, or none. After an error the stream is lost.
  result<std::optional<frame>> next();

  // Bytes allocated for a body that has not fully arrived.
  std::size_t held() const { return long_.capacity() + rest_.capacity(); }
  // Whether a frame has begun and not ended.
  bool within_frame() const { return in_long_ || data_left_ > 0 || !rest_.empty(); }

 private:
  bool begin_data(const frame_header& header);
  std::optional<frame> next_piece();
  bool begin_long(const frame_header& header, std::string_view body);
  frame finish_long();

  stage stage_;
  std::size_t payload_limit_;

  std::string_view input_;      // of the scratch buffer, not yet cut
  std::string rest_;            // the beginning of a frame, between receives
  std::size_t kept_ = 0;        // bytes of `rest_` put back into the scratch buffer by space()
  const char* base_ = nullptr;  // the scratch buffer since the last space()

  bool in_long_ = false;
  frame_header long_header_;
  std::string head_;           // of a long request or reply
  std::string long_;           // its payload, or the body of a long control frame
  std::size_t long_size_ = 0;  // when whole
  std::size_t filled_ = 0;     // of long_

  std::uint64_t data_stream_ = 0;
  std::size_t data_left_ = 0;  // of the stream_data that is being handed on
};

}  // namespace hedgerow::wire
