#include "wire/handshake.h"

#include "model/limits.h"
#include "wire/frame.h"
#include "wire/values.h"

namespace hedgerow::wire {
namespace {

auto malformed(const char* kind, const char* why) {
  return fail(errc::invalid_argument, std::string("malformed ") + kind + ": " + why);
}

constexpr const char* not_protobuf = "cannot be parsed";

}  // namespace

result<void> encode(const hello& what, std::string& out) {
  pb::Hello body;
  body.set_version(what.version);
  body.set_group(what.group);
  put(what.sender, *body.mutable_sender());
  if (!what.expected.empty()) put(what.expected, *body.mutable_expected());
  return append_frame(frame_type::hello, body, handshake_bytes_max, out);
}

result<void> encode(const welcome& what, std::string& out) {
  pb::Welcome body;
  body.set_version(what.version);
  put(what.receiver, *body.mutable_receiver());
  return append_frame(frame_type::welcome, body, handshake_bytes_max, out);
}

result<void> encode(const rejection& what, std::string& out) {
  pb::Rejection body;
  body.set_version(what.version);
  body.set_code(number_of(what.code));
  body.set_text(what.text);
  if (what.actual) put(*what.actual, *body.mutable_actual());
  return append_frame(frame_type::rejection, body, handshake_bytes_max, out);
}

result<hello> decode_hello(std::string_view body) {
  pb::Hello in;
  if (!parse(in, body)) return malformed("hello", not_protobuf);
  hello out;
  out.version = in.version();
  if (out.version != protocol_version) return out;
  faults found;
  out.group = in.group();
  out.sender = get(in.sender(), found);
  out.expected = get(in.expected());
  found.expect(out.group.size() <= group_bytes_max, "the group's name is too long");
  if (found.first() != nullptr) return malformed("hello", found.first());
  return out;
}

result<welcome> decode_welcome(std::string_view body) {
  pb::Welcome in;
  if (!parse(in, body)) return malformed("welcome", not_protobuf);
  welcome out;
  out.version = in.version();
  if (out.version != protocol_version) return out;
  faults found;
  out.receiver = get(in.receiver(), found);
  if (found.first() != nullptr) return malformed("welcome", found.first());
  return out;
}

result<rejection> decode_rejection(std::string_view body) {
  pb::Rejection in;
  if (!parse(in, body)) return malformed("rejection", not_protobuf);
  rejection out;
  out.version = in.version();
  if (in.code() <= number_of(rejection_code::wrong_certificate)) {
    out.code = static_cast<rejection_code>(in.code());
  }
  out.text = in.text();
  faults found;
  if (out.version == protocol_version && in.has_actual()) out.actual = get(in.actual(), found);
  if (out.version == protocol_version && out.code == rejection_code::other_incarnation) {
    found.expect(out.actual && !out.actual->incarnation.empty(), "another incarnation, unnamed");
  }
  if (found.first() != nullptr) return malformed("rejection", found.first());
  return out;
}

}  // namespace hedgerow::wire
