#pragma once
// The first frame each way. The dialer says hello; the other side answers with welcome or
// rejection, and closes after the latter. From then on the connection belongs to these two
// incarnations (S1).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "ports/transport.h"

namespace hedgerow::wire {

inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::size_t group_bytes_max = 255;

struct hello {
  std::uint32_t version = protocol_version;
  std::string group;
  ports::peer sender;
  incarnation expected;  // empty: anybody of the group
};

struct welcome {
  std::uint32_t version = protocol_version;
  ports::peer receiver;
};

enum class rejection_code : std::uint8_t {
  malformed,
  wrong_version,
  wrong_group,
  other_incarnation,  // `actual` says who answered
  not_ready,          // no identity yet, or none any more
  oneself,            // a node dialed itself
  too_many,           // connections
  tls_wanted,         // it began in plain text
  plain_wanted,       // it began with TLS
  wrong_certificate,  // which is not of the member that it says it is
};

struct rejection {
  std::uint32_t version = protocol_version;
  rejection_code code = rejection_code::malformed;
  std::string text;
  std::optional<ports::peer> actual;
};

// Append a whole frame. Fail with invalid_argument if a text is over its limit.
result<void> encode(const hello& what, std::string& out);
result<void> encode(const welcome& what, std::string& out);
result<void> encode(const rejection& what, std::string& out);

// Decode a body. Of another protocol version only `version` is looked at (and a rejection's code
// and text); it is for the caller to refuse. Members have a name, an address and an incarnation;
// clients need none. A rejection code that is not known here reads as malformed.
result<hello> decode_hello(std::string_view body);
result<welcome> decode_welcome(std::string_view body);
result<rejection> decode_rejection(std::string_view body);

}  // namespace hedgerow::wire
