#include "wire/values.h"

#include <utility>

#include <fmt/core.h>

#include "model/limits.h"

namespace hedgerow::wire {
namespace {

void put(const removal& value, pb::Removal& out) {
  out.set_name(value.name);
  wire::put(value.incarnation, *out.mutable_incarnation());
  out.set_reason(number_of(value.reason));
}

std::string name_of(const std::string& text, faults& found) {
  found.expect(!text.empty() && text.size() <= limits::name_bytes_max, "a name has 1 to 255 bytes");
  return text;
}

removal get(const pb::Removal& value, faults& found) {
  removal out;
  out.name = name_of(value.name(), found);
  out.incarnation = wire::get(value.incarnation());
  out.reason = enum_of(value.reason(), removal_reason::replaced, "an unknown reason", found);
  return out;
}

}  // namespace

void put(const incarnation& value, pb::Incarnation& out) {
  out.set_high(value.high);
  out.set_low(value.low);
}

incarnation get(const pb::Incarnation& value) {
  return {value.high(), value.low()};
}

void put(const view_id& value, pb::ViewId& out) {
  out.set_token(value.token);
  out.set_sequence(value.sequence);
}

view_id get(const pb::ViewId& value, faults& found) {
  found.expect(value.token() >= 0, "a negative token");
  return {value.token(), value.sequence()};
}

void put(const std::map<std::string, std::string>& value,
         google::protobuf::RepeatedPtrField<pb::Tag>& out) {
  for (const auto& [key, text] : value) {
    pb::Tag& tag = *out.Add();
    tag.set_key(key);
    tag.set_value(text);
  }
}

void put(const member& value, pb::Member& out) {
  out.set_name(value.name);
  out.set_address(value.address);
  put(value.incarnation, *out.mutable_incarnation());
  out.set_state(number_of(value.state));
  out.set_health(number_of(value.health));
  out.set_zone(value.zone);
  put(value.tags, *out.mutable_tags());
  out.set_machine(value.machine);
}

std::map<std::string, std::string> get(const google::protobuf::RepeatedPtrField<pb::Tag>& value,
                                       std::size_t bytes_max, const char* twice,
                                       const char* too_long, faults& found) {
  std::map<std::string, std::string> out;
  std::size_t size = 0;
  for (const pb::Tag& tag : value) {
    size += tag.key().size() + tag.value().size();
    found.expect(out.emplace(tag.key(), tag.value()).second, twice);
  }
  found.expect(size <= bytes_max, too_long);
  return out;
}

member get(const pb::Member& value, faults& found) {
  member out;
  out.name = name_of(value.name(), found);
  out.address = value.address();
  out.incarnation = get(value.incarnation());
  out.state = enum_of(value.state(), member_state::leaving, "an unknown state", found);
  out.health = enum_of(value.health(), member_health::degraded, "an unknown health", found);
  out.zone = value.zone();
  out.machine = value.machine();
  out.tags =
      get(value.tags(), limits::tags_bytes_max, "a tag twice", "the tags are too long", found);
  found.expect(out.address.size() <= limits::address_bytes_max, "an address is too long");
  found.expect(!out.incarnation.empty(), "a member without incarnation");
  found.expect(out.zone.size() <= limits::zone_bytes_max, "a zone is too long");
  found.expect(out.machine.size() <= limits::machine_bytes_max, "a machine is too long");
  return out;
}

void put(const view& value, pb::View& out) {
  put(value.id, *out.mutable_id());
  for (const member& each : value.members)
    put(each, *out.add_members());
  for (const removal& each : value.removed)
    put(each, *out.add_removed());
}

view get(const pb::View& value, faults& found) {
  view out;
  out.id = get(value.id(), found);
  out.members.reserve(static_cast<std::size_t>(value.members_size()));
  out.removed.reserve(static_cast<std::size_t>(value.removed_size()));
  for (const pb::Member& each : value.members())
    out.members.push_back(get(each, found));
  for (const pb::Removal& each : value.removed())
    out.removed.push_back(get(each, found));
  return out;
}

void put(const ports::peer& value, pb::Peer& out) {
  out.set_role(number_of(value.role));
  out.set_name(value.name);
  out.set_address(value.address);
  put(value.incarnation, *out.mutable_incarnation());
}

ports::peer get(const pb::Peer& value, faults& found) {
  ports::peer out;
  out.role = enum_of(value.role(), ports::peer_role::client, "an unknown role", found);
  out.name = value.name();
  out.address = value.address();
  out.incarnation = get(value.incarnation());
  found.expect(out.name.size() <= limits::name_bytes_max, "a name is too long");
  found.expect(out.address.size() <= limits::address_bytes_max, "an address is too long");
  if (out.role == ports::peer_role::member) {
    found.expect(!out.name.empty() && !out.address.empty() && !out.incarnation.empty(),
                 "a member without name, address or incarnation");
  }
  return out;
}

result<void> append_frame(frame_type type, const google::protobuf::MessageLite& body,
                          std::size_t limit, std::string& out) {
  const std::size_t size = body.ByteSizeLong();
  if (size > limit) {
    return fail(errc::too_large, fmt::format("a frame of type {} with {} bytes; the limit is {}",
                                             static_cast<unsigned>(type), size, limit));
  }
  const auto header = encode_header({static_cast<std::uint32_t>(size), type});
  out.append(header.data(), header.size());
  body.AppendToString(&out);
  return {};
}

bool parse(google::protobuf::MessageLite& out, std::string_view body) {
  return out.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

}  // namespace hedgerow::wire
