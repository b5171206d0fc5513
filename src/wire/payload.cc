#include "wire/payload.h"

#include <algorithm>

#include "base/little_endian.h"

namespace hedgerow::wire {
namespace {

static_assert(limits::name_bytes_max <= 255 && limits::address_bytes_max <= 255,
              "their lengths have one byte each");

std::size_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

auto malformed(const char* what) {
  return fail(errc::invalid_argument, std::string("malformed ") + what);
}

}  // namespace

std::optional<std::size_t> payload_head_size(frame_type type, std::string_view body) {
  if (type == frame_type::request) {
    if (body.size() < request_head_bytes) return std::nullopt;
    return request_head_bytes + byte_at(body, 17);
  }
  if (body.size() < reply_head_bytes) return std::nullopt;
  return reply_head_bytes + byte_at(body, 33) + byte_at(body, 34);
}

result<void> encode_head(const message::request& what, std::string& out) {
  if (what.from.size() > limits::name_bytes_max) {
    return fail(errc::invalid_argument, "the name of a request's sender is too long");
  }
  char head[request_head_bytes] = {};
  base::store_u64(head, what.id);
  // A caller whose time is over sends 0: the receiver says "expired".
  const auto remaining = std::max<std::int64_t>(what.remaining.count(), 0);
  base::store_u64(head + 8, static_cast<std::uint64_t>(remaining));
  head[16] = static_cast<char>(what.kind);
  head[17] = static_cast<char>(what.from.size());
  out.append(head, sizeof head);
  out.append(what.from);
  return {};
}

result<void> encode_head(const message::reply& what, std::string& out) {
  if (what.from.size() > limits::name_bytes_max ||
      what.leader_address.size() > limits::address_bytes_max) {
    return fail(errc::invalid_argument, "a name or an address in a reply is too long");
  }
  char head[reply_head_bytes] = {};
  base::store_u64(head, what.id);
  base::store_u64(head + 8, static_cast<std::uint64_t>(what.token));
  base::store_u64(head + 16, what.leader.high);
  base::store_u64(head + 24, what.leader.low);
  head[32] = static_cast<char>(what.status);
  head[33] = static_cast<char>(what.from.size());
  head[34] = static_cast<char>(what.leader_address.size());
  out.append(head, sizeof head);
  out.append(what.from);
  out.append(what.leader_address);
  return {};
}

result<void> encode_head(const message::stream_data& what, std::string& out) {
  if (what.data.empty()) return fail(errc::invalid_argument, "a stream_data without data");
  char head[stream_head_bytes] = {};
  base::store_u64(head, what.stream);
  out.append(head, sizeof head);
  return {};
}

result<void> decode_head(std::string_view body, message::request& what) {
  const auto size = payload_head_size(frame_type::request, body);
  if (!size || body.size() < *size) return malformed("request: too short");
  what.id = base::load_u64(body.data());
  what.remaining = nanoseconds{static_cast<std::int64_t>(base::load_u64(body.data() + 8))};
  if (what.remaining < nanoseconds::zero()) return malformed("request: a negative time");
  if (byte_at(body, 16) > static_cast<std::size_t>(message::request_kind::broadcast)) {
    return malformed("request: an unknown kind");
  }
  what.kind = static_cast<message::request_kind>(byte_at(body, 16));
  if (body[18] != 0 || body[19] != 0) return malformed("request: reserved bits are set");
  what.from = body.substr(request_head_bytes, *size - request_head_bytes);
  return {};
}

result<void> decode_head(std::string_view body, message::reply& what) {
  const auto size = payload_head_size(frame_type::reply, body);
  if (!size || body.size() < *size) return malformed("reply: too short");
  what.id = base::load_u64(body.data());
  what.token = static_cast<fencing_token>(base::load_u64(body.data() + 8));
  what.leader = {base::load_u64(body.data() + 16), base::load_u64(body.data() + 24)};
  if (byte_at(body, 32) > static_cast<std::size_t>(message::reply_status::unknown)) {
    return malformed("reply: an unknown status");
  }
  what.status = static_cast<message::reply_status>(byte_at(body, 32));
  if (body[35] != 0) return malformed("reply: reserved bits are set");
  const std::size_t from = byte_at(body, 33);
  what.from = body.substr(reply_head_bytes, from);
  what.leader_address = body.substr(reply_head_bytes + from, byte_at(body, 34));
  return {};
}

result<message::stream_data> decode_stream_data(std::string_view body) {
  if (body.size() <= stream_head_bytes) return malformed("stream_data: without data");
  return message::stream_data{base::load_u64(body.data()),
                              slice(nullptr, body.substr(stream_head_bytes))};
}

}  // namespace hedgerow::wire
