#include "wire/stream_control.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "model/limits.h"

namespace hedgerow::wire {
namespace {

// Positions that no stream reaches, so that sums of them do not wrap around.
constexpr std::uint64_t position_max = INT64_MAX;

void expect_position(std::uint64_t value, faults& found) {
  found.expect(value <= position_max, "an absurd position");
}

}  // namespace

pb::StreamOpen to_pb(const message::stream_open& in) {
  pb::StreamOpen out;
  out.set_stream(in.stream);
  out.set_kind(number_of(in.kind));
  out.set_limit(in.limit);
  // 0 would be no deadline at all: what is over has a nanosecond left.
  out.set_remaining_ns(in.remaining < nanoseconds::zero() ? 1 : in.remaining.count());
  out.set_idle_ns(std::max<std::int64_t>(in.idle.count(), 0));
  out.set_from(in.from);
  put(in.metadata, *out.mutable_metadata());
  return out;
}

pb::StreamAccept to_pb(const message::stream_accept& in) {
  pb::StreamAccept out;
  out.set_stream(in.stream);
  out.set_limit(in.limit);
  out.set_token(in.token);
  out.set_from(in.from);
  return out;
}

pb::StreamCredit to_pb(const message::stream_credit& in) {
  pb::StreamCredit out;
  out.set_stream(in.stream);
  out.set_limit(in.limit);
  out.set_consumed(in.consumed);
  return out;
}

pb::StreamFinish to_pb(const message::stream_finish& in) {
  pb::StreamFinish out;
  out.set_stream(in.stream);
  return out;
}

pb::StreamReset to_pb(const message::stream_reset& in) {
  pb::StreamReset out;
  out.set_stream(in.stream);
  out.set_code(number_of(in.code));
  out.set_consumed(in.consumed);
  out.set_text(in.text.substr(0, limits::error_text_bytes_max));
  put(in.leader, *out.mutable_leader());
  out.set_leader_address(in.leader_address);
  return out;
}

void read(const pb::StreamOpen& in, message::stream_open& out, faults& found) {
  out.stream = in.stream();
  out.kind = enum_of(in.kind(), message::request_kind::broadcast, "an unknown kind", found);
  out.limit = in.limit();
  out.remaining = nanoseconds{in.remaining_ns()};
  out.idle = nanoseconds{in.idle_ns()};
  out.from = in.from();
  out.metadata = get(in.metadata(), limits::metadata_bytes_max, "metadata twice",
                     "the metadata is too long", found);
  found.expect(!out.metadata.contains(""), "metadata with an empty key");
  expect_position(out.limit, found);
  found.expect(in.remaining_ns() >= 0 && in.idle_ns() >= 0, "a negative time");
  found.expect(out.from.size() <= limits::name_bytes_max, "a name is too long");
}

void read(const pb::StreamAccept& in, message::stream_accept& out, faults& found) {
  out = {in.stream(), in.limit(), in.token(), in.from()};
  expect_position(out.limit, found);
  found.expect(out.token >= 0, "a negative token");
  found.expect(out.from.size() <= limits::name_bytes_max, "a name is too long");
}

void read(const pb::StreamCredit& in, message::stream_credit& out, faults& found) {
  out = {in.stream(), in.limit(), in.consumed()};
  expect_position(out.limit, found);
  expect_position(out.consumed, found);
}

void read(const pb::StreamFinish& in, message::stream_finish& out, faults&) {
  out.stream = in.stream();
}

void read(const pb::StreamReset& in, message::stream_reset& out, faults& found) {
  out.stream = in.stream();
  out.code = enum_of(in.code(), message::stream_code::violation, "an unknown code", found);
  out.consumed = in.consumed();
  out.text = in.text();
  out.leader = get(in.leader());
  out.leader_address = in.leader_address();
  expect_position(out.consumed, found);
  found.expect(out.text.size() <= limits::error_text_bytes_max, "a text is too long");
  found.expect(out.leader_address.size() <= limits::address_bytes_max, "an address is too long");
}

}  // namespace hedgerow::wire
