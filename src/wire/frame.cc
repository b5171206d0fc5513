#include "wire/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include "base/assert.h"
#include "base/little_endian.h"
#include "wire/payload.h"

namespace hedgerow::wire {
namespace {

// Bodies up to this length wait in `rest_` and are cut out of the scratch buffer; longer ones that
// have not arrived in one piece go straight into their own string.
constexpr std::size_t short_body_max = 4 * 1024;
// One receive never takes more: other connections want their turn.
constexpr std::size_t receive_max = 256 * 1024;

constexpr std::size_t small_control = 4 * 1024;
constexpr std::size_t edges_control = 32 * 1024;  // one entry per member
constexpr std::size_t join_control = 64 * 1024;   // one member with its tags
constexpr std::size_t open_control = 32 * 1024;   // with metadata
constexpr std::size_t reset_control = 16 * 1024;  // with a text

std::optional<std::size_t> control_limit(frame_type type) {
  switch (type) {
    case frame_type::probe:
    case frame_type::probe_ack:
    case frame_type::view_pull:
    case frame_type::join_reply:
    case frame_type::leave:
    case frame_type::released:
    case frame_type::subscribe:
    case frame_type::leader_news:
    case frame_type::stream_accept:
    case frame_type::stream_credit:
    case frame_type::stream_finish:
      return small_control;
    case frame_type::stream_open:
      return open_control;
    case frame_type::stream_reset:
      return reset_control;
    case frame_type::beat:
    case frame_type::report:
      return edges_control;
    case frame_type::join:
      return join_control;
    case frame_type::view_push:
      return limits::control_bytes_max;
    default:
      return std::nullopt;
  }
}

bool of_client(frame_type type) {
  switch (type) {
    case frame_type::request:
    case frame_type::subscribe:
    case frame_type::view_pull:
    case frame_type::stream_open:
    case frame_type::stream_data:
    case frame_type::stream_credit:
    case frame_type::stream_finish:
    case frame_type::stream_reset:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<std::size_t> body_limit(frame_type type, stage now, std::size_t payload_limit) {
  if (now == stage::awaiting_hello) {
    return type == frame_type::hello ? std::optional(handshake_bytes_max) : std::nullopt;
  }
  if (now == stage::awaiting_answer) {
    const bool answer = type == frame_type::welcome || type == frame_type::rejection;
    return answer ? std::optional(handshake_bytes_max) : std::nullopt;
  }
  if (now == stage::open_to_client && !of_client(type)) return std::nullopt;
  if (carries_payload(type)) return payload_limit + payload_head_max;
  if (type == frame_type::stream_data) return limits::stream_frame_bytes_max + stream_head_bytes;
  return control_limit(type);
}

std::array<char, frame_header_bytes> encode_header(const frame_header& header) {
  std::array<char, frame_header_bytes> out{};
  base::store_u32(out.data(), header.length);
  out[4] = static_cast<char>(header.type);
  return out;
}

result<frame_header> decode_header(std::string_view data, stage now, std::size_t payload_limit) {
  HEDGEROW_ASSERT(data.size() >= frame_header_bytes);
  const frame_header header{base::load_u32(data.data()),
                            static_cast<frame_type>(static_cast<unsigned char>(data[4]))};
  const auto type = static_cast<unsigned>(header.type);
  if (data[5] != 0 || data[6] != 0 || data[7] != 0) {
    return fail(errc::invalid_argument, "not a frame of this protocol: flags are set");
  }
  const auto limit = body_limit(header.type, now, payload_limit);
  if (!limit) return fail(errc::invalid_argument, fmt::format("unexpected frame type {}", type));
  if (header.length > *limit) {
    return fail(errc::too_large, fmt::format("a frame of type {} with {} bytes; the limit is {}",
                                             type, header.length, *limit));
  }
  if (header.type == frame_type::stream_data && header.length <= stream_head_bytes) {
    return fail(errc::invalid_argument, "malformed stream_data: without data");
  }
  return header;
}

std::span<char> frame_reader::space(std::span<char> scratch) {
  HEDGEROW_ASSERT(scratch.size() >= scratch_bytes_min && input_.empty());
  if (in_long_) {
    if (filled_ == long_.size()) {
      long_.resize(std::min(long_size_, std::max(short_body_max, 2 * filled_)));
    }
    const std::size_t room = std::min(long_.size() - filled_, receive_max);
    return {long_.data() + filled_, room};
  }
  std::memcpy(scratch.data(), rest_.data(), rest_.size());
  kept_ = rest_.size();
  base_ = scratch.data();
  return scratch.subspan(kept_);
}

void frame_reader::arrived(std::size_t count) {
  if (in_long_) {
    filled_ += count;
    return;
  }
  input_ = std::string_view(base_, kept_ + count);
  rest_.clear();
}

result<std::optional<frame>> frame_reader::next() {
  if (in_long_) {
    if (filled_ < long_size_) return std::nullopt;
    return finish_long();
  }
  if (data_left_ > 0) return next_piece();
  if (head_.size() > payload_head_max) std::string().swap(head_);  // a control frame, read by now
  if (input_.size() >= frame_header_bytes) {
    const auto header = decode_header(input_, stage_, payload_limit_);
    if (!header) return tl::unexpected<error>(header.error());
    if (header->type == frame_type::stream_data) {
      if (begin_data(*header)) return next_piece();
      return std::nullopt;
    }
    const std::size_t total = frame_header_bytes + header->length;
    if (input_.size() >= total) {
      frame whole;
      whole.type = header->type;
      whole.body = input_.substr(frame_header_bytes, header->length);
      input_.remove_prefix(total);
      return whole;
    }
    if (header->length > short_body_max && begin_long(*header, input_.substr(frame_header_bytes))) {
      input_ = {};
      return std::nullopt;
    }
  }
  rest_.assign(input_);
  input_ = {};
  return std::nullopt;
}

// False while the number of the stream is not there.
bool frame_reader::begin_data(const frame_header& header) {
  const std::size_t head = frame_header_bytes + stream_head_bytes;
  if (input_.size() < head) {
    rest_.assign(input_);
    input_ = {};
    return false;
  }
  data_stream_ = base::load_u64(input_.data() + frame_header_bytes);
  data_left_ = header.length - stream_head_bytes;
  input_.remove_prefix(head);
  return true;
}

std::optional<frame> frame_reader::next_piece() {
  if (input_.empty()) return std::nullopt;
  frame piece;
  piece.type = frame_type::stream_data;
  piece.stream = data_stream_;
  piece.body = input_.substr(0, data_left_);
  input_.remove_prefix(piece.body.size());
  data_left_ -= piece.body.size();
  return piece;
}

// False while the head of a request or reply is not complete.
bool frame_reader::begin_long(const frame_header& header, std::string_view body) {
  std::size_t head = 0;
  if (carries_payload(header.type)) {
    const auto size = payload_head_size(header.type, body);
    // A head that does not fit its frame is left to the decoder to refuse.
    if (!size || body.size() < *size || header.length < *size) return false;
    head = *size;
  }
  in_long_ = true;
  long_header_ = header;
  head_.assign(body.substr(0, head));
  long_size_ = header.length - head;
  filled_ = body.size() - head;
  long_.reserve(std::min(long_size_, std::max(short_body_max, 2 * filled_)));
  long_.assign(body.substr(head));
  return true;
}

frame frame_reader::finish_long() {
  frame whole;
  whole.type = long_header_.type;
  whole.split = carries_payload(whole.type);
  if (whole.split) {
    whole.body = head_;
    whole.payload = std::exchange(long_, {});
  } else {
    // Stays here until the next call; the caller only looks at it.
    head_ = std::exchange(long_, {});
    whole.body = head_;
  }
  in_long_ = false;
  return whole;
}

}  // namespace hedgerow::wire
