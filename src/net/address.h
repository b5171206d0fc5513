#pragma once
// Addresses as people write them: "127.0.0.1:7000", "[::1]:7000", "node-1.internal:7000".

#include <cstdint>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

namespace hedgerow::net {

struct host_port {
  std::string host;  // without brackets; never empty
  std::uint16_t port = 0;

  bool operator==(const host_port&) const = default;
};

// Fails with invalid_argument. An IPv6 host needs its brackets.
result<host_port> parse_host_port(std::string_view text);

std::string to_string(const host_port& address);

}  // namespace hedgerow::net
