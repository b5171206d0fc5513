#include "wire/entries.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "base/assert.h"

namespace hedgerow::wire {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::size_t limits_at_once = 4;

bool walk(CodedInputStream& in, std::span<const entry_limit> limits);

bool enter(CodedInputStream& in, const entry_limit& limit, std::size_t count, int length) {
  if (count > limit.most || length > in.BytesUntilLimit()) return false;
  const auto outer = in.PushLimit(length);
  if (!walk(in, limit.inside)) return false;
  in.PopLimit(outer);
  return true;
}

bool walk(CodedInputStream& in, std::span<const entry_limit> limits) {
  HEDGEROW_ASSERT(limits.size() <= limits_at_once);
  std::array<std::size_t, limits_at_once> counts{};
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint64_t number = 0;
    int length = 0;
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        if (!in.ReadVarint64(&number)) return false;
        continue;
      case WireFormatLite::WIRETYPE_FIXED64:
        if (!in.Skip(8)) return false;
        continue;
      case WireFormatLite::WIRETYPE_FIXED32:
        if (!in.Skip(4)) return false;
        continue;
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        break;
      default:
        return false;
    }
    if (!in.ReadVarintSizeAsInt(&length)) return false;
    const auto limit = std::find_if(limits.begin(), limits.end(), [&](const entry_limit& each) {
      return each.field == WireFormatLite::GetTagFieldNumber(tag);
    });
    if (limit == limits.end()) {
      if (!in.Skip(length)) return false;
      continue;
    }
    const auto at = static_cast<std::size_t>(limit - limits.begin());
    if (!enter(in, *limit, ++counts.at(at), length)) return false;
  }
  return in.ConsumedEntireMessage();
}

}  // namespace

bool keeps_limits(std::string_view body, std::span<const entry_limit> limits) {
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(body.data()),
                      static_cast<int>(body.size()));
  in.PushLimit(static_cast<int>(body.size()));
  return walk(in, limits);
}

}  // namespace hedgerow::wire
