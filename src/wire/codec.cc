#include "wire/codec.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "model/limits.h"
#include "wire/control.h"
#include "wire/payload.h"

namespace hedgerow::wire {
namespace {

constexpr frame_type frame_type_of(const message::probe&) {
  return frame_type::probe;
}
constexpr frame_type frame_type_of(const message::probe_ack&) {
  return frame_type::probe_ack;
}
constexpr frame_type frame_type_of(const message::beat&) {
  return frame_type::beat;
}
constexpr frame_type frame_type_of(const message::report&) {
  return frame_type::report;
}
constexpr frame_type frame_type_of(const message::view_push&) {
  return frame_type::view_push;
}
constexpr frame_type frame_type_of(const message::view_pull&) {
  return frame_type::view_pull;
}
constexpr frame_type frame_type_of(const message::join&) {
  return frame_type::join;
}
constexpr frame_type frame_type_of(const message::join_reply&) {
  return frame_type::join_reply;
}
constexpr frame_type frame_type_of(const message::leave&) {
  return frame_type::leave;
}
constexpr frame_type frame_type_of(const message::released&) {
  return frame_type::released;
}
constexpr frame_type frame_type_of(const message::subscribe&) {
  return frame_type::subscribe;
}
constexpr frame_type frame_type_of(const message::leader_news&) {
  return frame_type::leader_news;
}
constexpr frame_type frame_type_of(const message::request&) {
  return frame_type::request;
}
constexpr frame_type frame_type_of(const message::reply&) {
  return frame_type::reply;
}
constexpr frame_type frame_type_of(const message::stream_open&) {
  return frame_type::stream_open;
}
constexpr frame_type frame_type_of(const message::stream_accept&) {
  return frame_type::stream_accept;
}
constexpr frame_type frame_type_of(const message::stream_data&) {
  return frame_type::stream_data;
}
constexpr frame_type frame_type_of(const message::stream_credit&) {
  return frame_type::stream_credit;
}
constexpr frame_type frame_type_of(const message::stream_finish&) {
  return frame_type::stream_finish;
}
constexpr frame_type frame_type_of(const message::stream_reset&) {
  return frame_type::stream_reset;
}

std::string_view payload_of(const message::request& what) {
  return as_view(what.payload);
}
std::string_view payload_of(const message::reply& what) {
  return as_view(what.payload);
}
std::string_view payload_of(const message::stream_data& what) {
  return what.data.text;
}
slice shared_payload(const message::request& what) {
  return slice(what.payload);
}
slice shared_payload(const message::reply& what) {
  return slice(what.payload);
}
slice shared_payload(const message::stream_data& what) {
  return what.data;
}

template <class Message>
result<slice> encode_payload(const Message& what, frame_type type, std::size_t payload_limit,
                             std::size_t copy_max, std::string& out) {
  const std::string_view payload = payload_of(what);
  if (payload.size() > payload_limit) {
    return fail(errc::too_large, fmt::format("a payload of {} bytes; the limit is {}",
                                             payload.size(), payload_limit));
  }
  const std::size_t start = out.size();
  out.append(frame_header_bytes, '\0');
  if (const auto done = encode_head(what, out); !done) {
    out.resize(start);
    return tl::unexpected<error>(done.error());
  }
  const std::size_t length = out.size() - start - frame_header_bytes + payload.size();
  const auto header = encode_header({static_cast<std::uint32_t>(length), type});
  std::copy(header.begin(), header.end(), out.begin() + static_cast<std::ptrdiff_t>(start));
  if (payload.size() > copy_max) return shared_payload(what);
  out.append(payload);
  return slice();
}

// `payload` makes the string of the payload behind a head of the given length.
template <class Message, class MakePayload>
result<message::any> decode_as(std::string_view body, MakePayload payload) {
  // Made where it stays: messages are dear to move.
  result<message::any> out(tl::in_place, std::in_place_type<Message>);
  auto& what = *std::get_if<Message>(&*out);
  if (auto head = decode_head(body, what)) {
    what.payload = std::make_shared<const std::string>(payload());
  } else {
    out = tl::unexpected<error>(std::move(head.error()));
  }
  return out;
}

}  // namespace

frame_type type_of(const message::any& what) {
  return std::visit([](const auto& each) { return frame_type_of(each); }, what);
}

result<slice> encode(const message::any& what, std::size_t payload_limit, std::size_t copy_max,
                     std::string& out) {
  const frame_type type = type_of(what);
  if (const auto* request = std::get_if<message::request>(&what)) {
    return encode_payload(*request, type, payload_limit, copy_max, out);
  }
  if (const auto* reply = std::get_if<message::reply>(&what)) {
    return encode_payload(*reply, type, payload_limit, copy_max, out);
  }
  if (const auto* data = std::get_if<message::stream_data>(&what)) {
    return encode_payload(*data, type, limits::stream_frame_bytes_max, copy_max, out);
  }
  return encode_control(what, type, out).map([] { return slice(); });
}

result<void> encode(const message::any& what, std::size_t payload_limit, std::string& out) {
  return encode(what, payload_limit, std::numeric_limits<std::size_t>::max(), out)
      .map([](const slice&) {});
}

result<message::any> decode(frame&& in) {
  if (in.type == frame_type::stream_data) {
    return message::any(message::stream_data{in.stream, slice(nullptr, in.body)});
  }
  if (!in.split) return decode(in.type, in.body);
  const auto take = [&] { return std::move(in.payload); };
  if (in.type == frame_type::request) return decode_as<message::request>(in.body, take);
  return decode_as<message::reply>(in.body, take);
}

result<message::any> decode(frame_type type, std::string_view body) {
  if (type == frame_type::stream_data) {
    return decode_stream_data(body).map(
        [](message::stream_data&& what) { return message::any(std::move(what)); });
  }
  if (!carries_payload(type)) return decode_control(type, body);
  // Called after the head was found to be whole.
  const auto copy = [&] { return std::string(body.substr(*payload_head_size(type, body))); };
  if (type == frame_type::request) return decode_as<message::request>(body, copy);
  return decode_as<message::reply>(body, copy);
}

}  // namespace hedgerow::wire
