#pragma once
// Between the model's values and their protobuf twins. Used by the codecs of this folder only.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <google/protobuf/message_lite.h>
#include <google/protobuf/repeated_field.h>
#include <hedgerow/error.h>
#include <hedgerow/member.h>

#include "ports/transport.h"
#include "wire/control.pb.h"
#include "wire/frame.h"

namespace hedgerow::wire {

// Remembers the first thing that is wrong with a message, so that conversions read straight on.
class faults {
 public:
  void expect(bool good, const char* otherwise) {
    if (!good && first_ == nullptr) first_ = otherwise;
  }
  const char* first() const { return first_; }

 private:
  const char* first_ = nullptr;
};

// An enumeration that travels as a number; `last` is its last value.
template <class Enum>
Enum enum_of(std::uint32_t number, Enum last, const char* otherwise, faults& found) {
  const bool good = number <= static_cast<std::uint32_t>(last);
  found.expect(good, otherwise);
  return good ? static_cast<Enum>(number) : Enum{};
}

template <class Enum>
std::uint32_t number_of(Enum value) {
  return static_cast<std::uint32_t>(value);
}

void put(const incarnation& value, pb::Incarnation& out);
void put(const view_id& value, pb::ViewId& out);
void put(const member& value, pb::Member& out);
void put(const view& value, pb::View& out);
void put(const ports::peer& value, pb::Peer& out);
void put(const std::map<std::string, std::string>& value,
         google::protobuf::RepeatedPtrField<pb::Tag>& out);

incarnation get(const pb::Incarnation& value);
view_id get(const pb::ViewId& value, faults& found);
member get(const pb::Member& value, faults& found);
view get(const pb::View& value, faults& found);
ports::peer get(const pb::Peer& value, faults& found);
// A key twice is `twice`, more bytes of keys and values than `bytes_max` are `too_long`.
std::map<std::string, std::string> get(const google::protobuf::RepeatedPtrField<pb::Tag>& value,
                                       std::size_t bytes_max, const char* twice,
                                       const char* too_long, faults& found);

// Appends a whole frame; fails with too_large if the type's limit `limit` is not kept.
result<void> append_frame(frame_type type, const google::protobuf::MessageLite& body,
                          std::size_t limit, std::string& out);

// Whether `body` is a message of this type at all.
bool parse(google::protobuf::MessageLite& out, std::string_view body);

}  // namespace hedgerow::wire
