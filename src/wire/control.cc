#include "wire/control.h"

#include <memory>
#include <span>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "base/assert.h"
#include "model/limits.h"
#include "wire/entries.h"
#include "wire/stream_control.h"
#include "wire/values.h"

namespace hedgerow::wire {
namespace {

using wire::read;  // of streams
using wire::to_pb;

pb::Probe to_pb(const message::probe& in) {
  pb::Probe out;
  out.set_nonce(in.nonce);
  put(in.view, *out.mutable_view());
  return out;
}

pb::ProbeAck to_pb(const message::probe_ack& in) {
  pb::ProbeAck out;
  out.set_nonce(in.nonce);
  put(in.view, *out.mutable_view());
  return out;
}

pb::Beat to_pb(const message::beat& in) {
  pb::Beat out;
  out.set_nonce(in.nonce);
  out.set_token(in.token);
  out.set_expires_us(in.expires.us);
  put(in.view, *out.mutable_view());
  for (const incarnation& each : in.extra_subjects)
    put(each, *out.add_extra_subjects());
  return out;
}

pb::Report to_pb(const message::report& in) {
  pb::Report out;
  out.set_nonce(in.nonce);
  put(in.view, *out.mutable_view());
  for (const message::edge& each : in.edges) {
    pb::Edge& edge = *out.add_edges();
    put(each.subject, *edge.mutable_subject());
    edge.set_state(number_of(each.state));
  }
  return out;
}

pb::ViewPush to_pb(const message::view_push& in) {
  pb::ViewPush out;
  if (in.view) put(*in.view, *out.mutable_view());
  return out;
}

pb::ViewPull to_pb(const message::view_pull& in) {
  pb::ViewPull out;
  put(in.have, *out.mutable_have());
  return out;
}

pb::Join to_pb(const message::join& in) {
  pb::Join out;
  put(in.who, *out.mutable_who());
  return out;
}

pb::JoinReply to_pb(const message::join_reply& in) {
  pb::JoinReply out;
  out.set_status(number_of(in.status));
  out.set_address(in.address);
  return out;
}

pb::Leave to_pb(const message::leave&) {
  return {};
}
pb::Subscribe to_pb(const message::subscribe&) {
  return {};
}

pb::Released to_pb(const message::released& in) {
  pb::Released out;
  out.set_token(in.token);
  out.set_stood_back(in.stood_back);
  return out;
}

pb::LeaderNews to_pb(const message::leader_news& in) {
  pb::LeaderNews out;
  out.set_name(in.name);
  out.set_address(in.address);
  put(in.incarnation, *out.mutable_incarnation());
  out.set_token(in.token);
  out.set_remaining_ms(in.remaining_ms);
  out.set_view_age_ms(in.view_age_ms);
  return out;
}

void read(const pb::Probe& in, message::probe& out, faults& found) {
  out = {in.nonce(), get(in.view(), found)};
}

void read(const pb::ProbeAck& in, message::probe_ack& out, faults& found) {
  out = {in.nonce(), get(in.view(), found)};
}

void read(const pb::Beat& in, message::beat& out, faults& found) {
  out.nonce = in.nonce();
  out.token = in.token();
  out.expires = {in.expires_us()};
  out.view = get(in.view(), found);
  found.expect(in.token() >= 0, "a negative token");
  for (const pb::Incarnation& each : in.extra_subjects())
    out.extra_subjects.push_back(get(each));
}

void read(const pb::Report& in, message::report& out, faults& found) {
  out.nonce = in.nonce();
  out.view = get(in.view(), found);
  for (const pb::Edge& each : in.edges()) {
    const auto state =
        enum_of(each.state(), message::edge_state::left, "an unknown edge state", found);
    out.edges.push_back({get(each.subject()), state});
  }
}

void read(const pb::ViewPush& in, message::view_push& out, faults& found) {
  found.expect(in.has_view(), "no view");
  out.view = std::make_shared<const view>(get(in.view(), found));
}

void read(const pb::ViewPull& in, message::view_pull& out, faults& found) {
  out.have = get(in.have(), found);
}

void read(const pb::Join& in, message::join& out, faults& found) {
  out.who = get(in.who(), found);
}

void read(const pb::JoinReply& in, message::join_reply& out, faults& found) {
  out.status = enum_of(in.status(), message::join_status::cut_off, "an unknown status", found);
  out.address = in.address();
  found.expect(out.address.size() <= limits::address_bytes_max, "an address is too long");
}

void read(const pb::Leave&, message::leave&, faults&) {}
void read(const pb::Subscribe&, message::subscribe&, faults&) {}

void read(const pb::Released& in, message::released& out, faults& found) {
  out.token = in.token();
  out.stood_back = in.stood_back();
  found.expect(out.token >= 0, "a negative token");
}

void read(const pb::LeaderNews& in, message::leader_news& out, faults& found) {
  out.name = in.name();
  out.address = in.address();
  out.incarnation = get(in.incarnation());
  out.token = in.token();
  out.remaining_ms = in.remaining_ms();
  out.view_age_ms = in.view_age_ms();
  found.expect(out.name.size() <= limits::name_bytes_max, "a name is too long");
  found.expect(out.address.size() <= limits::address_bytes_max, "an address is too long");
  found.expect(out.token >= 0, "a negative token");
}

// What may be in a body, by the fields of control.proto.
constexpr entry_limit inside_member[] = {{.field = 7, .most = limits::tags_max}};
constexpr entry_limit inside_view[] = {
    {.field = 2, .most = limits::members_max, .inside = inside_member},
    {.field = 3, .most = limits::removed_kept_max}};
constexpr entry_limit inside_beat[] = {{.field = 5, .most = limits::members_max}};
constexpr entry_limit inside_report[] = {{.field = 3, .most = limits::members_max}};
constexpr entry_limit inside_view_push[] = {{.field = 1, .inside = inside_view}};
constexpr entry_limit inside_join[] = {{.field = 1, .inside = inside_member}};
constexpr entry_limit inside_stream_open[] = {{.field = 7, .most = limits::metadata_max}};

std::span<const entry_limit> entries_in(frame_type type) {
  switch (type) {
    case frame_type::beat:
      return inside_beat;
    case frame_type::report:
      return inside_report;
    case frame_type::view_push:
      return inside_view_push;
    case frame_type::join:
      return inside_join;
    case frame_type::stream_open:
      return inside_stream_open;
    default:
      return {};
  }
}

template <class Message>
result<message::any> decode_as(frame_type type, std::string_view body) {
  decltype(to_pb(std::declval<Message>())) in;
  Message out;
  faults found;
  if (!keeps_limits(body, entries_in(type))) {
    found.expect(false, "too many entries, or no message at all");
  } else if (parse(in, body)) {
    read(in, out, found);
  } else {
    found.expect(false, "cannot be parsed");
  }
  if (found.first() != nullptr) {
    return fail(errc::invalid_argument, fmt::format("malformed frame of type {}: {}",
                                                    static_cast<unsigned>(type), found.first()));
  }
  return message::any(std::move(out));
}

struct encoder {
  frame_type type;
  std::string& out;

  result<void> operator()(const message::request&) const { return no_control(); }
  result<void> operator()(const message::reply&) const { return no_control(); }
  result<void> operator()(const message::stream_data&) const { return no_control(); }
  result<void> operator()(const message::view_push& what) const {
    if (!what.view) return fail(errc::invalid_argument, "a view_push without view");
    return append(what);
  }
  template <class Message>
  result<void> operator()(const Message& what) const {
    return append(what);
  }

 private:
  template <class Message>
  result<void> append(const Message& what) const {
    return append_frame(type, to_pb(what), *body_limit(type, stage::open, 0), out);
  }
  static result<void> no_control() { return fail(errc::internal, "not a control message"); }
};

}  // namespace

result<void> encode_control(const message::any& what, frame_type type, std::string& out) {
  return std::visit(encoder{type, out}, what);
}

result<message::any> decode_control(frame_type type, std::string_view body) {
  switch (type) {
    case frame_type::probe:
      return decode_as<message::probe>(type, body);
    case frame_type::probe_ack:
      return decode_as<message::probe_ack>(type, body);
    case frame_type::beat:
      return decode_as<message::beat>(type, body);
    case frame_type::report:
      return decode_as<message::report>(type, body);
    case frame_type::view_push:
      return decode_as<message::view_push>(type, body);
    case frame_type::view_pull:
      return decode_as<message::view_pull>(type, body);
    case frame_type::join:
      return decode_as<message::join>(type, body);
    case frame_type::join_reply:
      return decode_as<message::join_reply>(type, body);
    case frame_type::leave:
      return decode_as<message::leave>(type, body);
    case frame_type::released:
      return decode_as<message::released>(type, body);
    case frame_type::subscribe:
      return decode_as<message::subscribe>(type, body);
    case frame_type::leader_news:
      return decode_as<message::leader_news>(type, body);
    case frame_type::stream_open:
      return decode_as<message::stream_open>(type, body);
    case frame_type::stream_accept:
      return decode_as<message::stream_accept>(type, body);
    case frame_type::stream_credit:
      return decode_as<message::stream_credit>(type, body);
    case frame_type::stream_finish:
      return decode_as<message::stream_finish>(type, body);
    case frame_type::stream_reset:
      return decode_as<message::stream_reset>(type, body);
    default:
      return fail(errc::invalid_argument,
                  fmt::format("unexpected frame type {}", static_cast<unsigned>(type)));
  }
}

}  // namespace hedgerow::wire
