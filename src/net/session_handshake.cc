// The handshake of a session: see wire/handshake.h for what is said.

#include <string>
#include <utility>

#include <fmt/core.h>

#include "net/session.h"
#include "wire/handshake.h"

namespace hedgerow::net {
namespace {

wire::rejection rejected(wire::rejection_code code, std::string text) {
  return {wire::protocol_version, code, std::move(text), std::nullopt};
}

std::string version_text(std::uint32_t theirs) {
  return fmt::format("protocol version {} here, {} there", wire::protocol_version, theirs);
}

occurrence occurrence_of(wire::rejection_code code) {
  switch (code) {
    case wire::rejection_code::wrong_version:
      return occurrence::handshakes_wrong_version;
    case wire::rejection_code::wrong_group:
      return occurrence::handshakes_wrong_group;
    case wire::rejection_code::other_incarnation:
      return occurrence::handshakes_wrong_incarnation;
    case wire::rejection_code::not_ready:
      return occurrence::handshakes_not_ready;
    case wire::rejection_code::oneself:
      return occurrence::handshakes_from_oneself;
    case wire::rejection_code::too_many:
      return occurrence::connections_turned_away;
    case wire::rejection_code::tls_wanted:
      return occurrence::handshakes_plain;
    case wire::rejection_code::plain_wanted:
      return occurrence::handshakes_encrypted;
    case wire::rejection_code::wrong_certificate:
      return occurrence::handshakes_wrong_certificate;
    case wire::rejection_code::malformed:
      break;
  }
  return occurrence::handshakes_malformed;
}

}  // namespace

void session::on_hello(std::string_view body) {
  const auto hello = wire::decode_hello(body);
  if (!hello) {
    reject(rejected(wire::rejection_code::malformed, hello.error().message()));
    return;
  }
  if (const auto why = objection(*hello)) {
    reject(*why);
    return;
  }
  std::string frame;
  if (const auto done = wire::encode(wire::welcome{wire::protocol_version, host_.self()}, frame);
      !done) {
    reject(rejected(wire::rejection_code::not_ready, done.error().message()));
    return;
  }
  queue_.push_frame(std::move(frame));
  host_.wants_flush(shared_from_this());
  opened(hello->sender);
}

std::optional<wire::rejection> session::objection(const wire::hello& hello) const {
  const ports::peer& self = host_.self();
  if (hello.version != wire::protocol_version) {
    return rejected(wire::rejection_code::wrong_version, version_text(hello.version));
  }
  if (hello.group != host_.options().group) {
    return rejected(wire::rejection_code::wrong_group,
                    fmt::format("this is a node of group '{}'", host_.options().group));
  }
  if (auto why = wrong_certificate(hello.sender)) return why;
  if (self.incarnation.empty()) {
    return rejected(wire::rejection_code::not_ready, "this node has not started yet");
  }
  // S1: whoever expects somebody else learns who is here.
  if (!hello.expected.empty() && hello.expected != self.incarnation) {
    auto why =
        rejected(wire::rejection_code::other_incarnation,
                 fmt::format("this is {}, incarnation {}", self.name, to_string(self.incarnation)));
    why.actual = self;
    return why;
  }
  if (hello.sender.incarnation == self.incarnation) {
    return rejected(wire::rejection_code::oneself, "a node does not connect to itself");
  }
  return std::nullopt;
}

void session::reject(const wire::rejection& why) {
  note(occurrence_of(why.code), why.text);
  std::string frame;
  if (!wire::encode(why, frame)) {
    over({});
    return;
  }
  queue_.push_frame(std::move(frame));
  state_ = state::closing;
  set_deadline(host_.options().linger);
  host_.wants_flush(shared_from_this());
}

void session::on_answer(const wire::frame& in) {
  if (in.type == wire::frame_type::welcome) {
    on_welcome(in.body);
    return;
  }
  const auto rejection = wire::decode_rejection(in.body);
  if (!rejection) {
    dial_failed(ports::dial_failure::rejected, rejection.error().message());
    return;
  }
  const bool other = rejection->code == wire::rejection_code::other_incarnation &&
                     rejection->actual && !expected_.empty() &&
                     rejection->actual->incarnation != expected_;
  dial_failed(other ? ports::dial_failure::other_incarnation : ports::dial_failure::rejected,
              fmt::format("{} refused the connection: {}", address_, rejection->text),
              rejection->actual);
}

void session::on_welcome(std::string_view body) {
  const auto welcome = wire::decode_welcome(body);
  if (!welcome) {
    dial_failed(ports::dial_failure::rejected, welcome.error().message());
    return;
  }
  if (welcome->version != wire::protocol_version) {
    dial_failed(ports::dial_failure::rejected, version_text(welcome->version));
    return;
  }
  const ports::peer& actual = welcome->receiver;
  if (const auto why = wrong_certificate(actual)) {
    note(occurrence_of(why->code), why->text);
    dial_failed(ports::dial_failure::rejected, fmt::format("{}: {}", address_, why->text));
    return;
  }
  if (!expected_.empty() && actual.incarnation != expected_) {
    dial_failed(ports::dial_failure::other_incarnation,
                fmt::format("{} is now incarnation {}", address_, to_string(actual.incarnation)),
                actual);
    return;
  }
  opened(actual);
}

}  // namespace hedgerow::net
