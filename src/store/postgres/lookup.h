#pragma once
// From the servers of a URL to the addresses that are tried, each with a deadline of its own.

#include <string>
#include <vector>

#include "store/postgres/url.h"

namespace hedgerow::store::postgres {

// Every address of every server, in their order; names are looked up anew each time, because a
// failover of the database may be a change of its name's address. Blocks for as long as the
// resolver does. A name without address is left out, and says why in `trouble`.
std::vector<server> look_up(const std::vector<server>& servers, std::string& trouble);

// "host (address):port", for people.
std::string to_string(const server& one);

}  // namespace hedgerow::store::postgres
