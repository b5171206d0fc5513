#pragma once
// Where a store is, seen from the network.

#include <string>
#include <string_view>

namespace hedgerow {

// host:port of the first database that a postgres:// URL names. Empty for one that is not reached
// over the network: a file, or a Unix socket.
std::string database_address(std::string_view store_url);

}  // namespace hedgerow
