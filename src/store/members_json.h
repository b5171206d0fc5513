#pragma once
// Members and removals as JSON text.
//
//   members  [{"name":…,"address":…,"incarnation":"32 hex","state":"up","health":"alive",
//              "zone":…,"tags":{…},"machine":…}, …] in the order of the view; without "machine" in
//              rows of older versions
//   removed  [{"name":…,"incarnation":…,"reason":"crashed"}, …]
//
// Names, addresses, zones and tags are bytes, JSON strings are Unicode: a string (or key) that is
// not valid UTF-8 is written as "hex:" and its bytes in hexadecimal; so is one that itself begins
// with "hex:", and one with a zero byte, which PostgreSQL's json does not hold. Every value comes
// back as it was. Fields that we do not know are passed over.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/member.h>

namespace hedgerow::store {

std::string to_text(std::string_view bytes);
std::optional<std::string> to_bytes(std::string_view text);  // nothing: not what to_text writes

std::string members_to_json(const std::vector<member>& members);
std::string removed_to_json(const std::vector<removal>& removed);

// errc::store_unavailable, with the field that is wrong, for anything that we would not write.
result<std::vector<member>> members_from_json(std::string_view text);
result<std::vector<removal>> removed_from_json(std::string_view text);

}  // namespace hedgerow::store
