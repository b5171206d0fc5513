// host:port as people and peers write it.

#include "net/address.h"

#include <string>

#include "base/assert.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = net::parse_host_port(text);
  if (!parsed) return 0;
  HEDGEROW_ASSERT(!parsed->host.empty() && parsed->host.size() < text.size());
  const auto again = net::parse_host_port(net::to_string(*parsed));
  HEDGEROW_ASSERT(again && *again == *parsed);
  return 0;
}
