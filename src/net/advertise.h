#pragma once
// What a listener tells others to dial.

#include <string>

#include <hedgerow/error.h>

#include "net/ip.h"

namespace hedgerow::net {

// This machine's address on the route to `target` (host:port), which others on that network can
// usually dial: that of a UDP socket that is connected there. Sends nothing. Resolves a name, so it
// may block; `only` is the family that counts, or AF_UNSPEC. Fails with invalid_argument, in words
// for --advertise.
result<ip_address> local_address_towards(const std::string& target, int only);

// `wish` is host or host:port, kept as it is but for the text of literals; the port is that of
// `bound` unless given. Without a wish it is `bound`; for a wildcard, the local address towards
// `route_to`, or loopback where that is empty. What nobody else could dial is refused with
// invalid_argument: a wildcard, port 0, a link-local address or one with a zone.
result<std::string> advertised(const std::string& wish, const std::string& route_to,
                               const endpoint& bound);

}  // namespace hedgerow::net
