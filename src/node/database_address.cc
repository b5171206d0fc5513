#include "node/database_address.h"

namespace hedgerow {

std::string database_address(std::string_view store_url) {
  const auto scheme = store_url.find("://");
  const auto name = store_url.substr(0, scheme);
  if (scheme == store_url.npos || (name != "postgres" && name != "postgresql")) return {};
  std::string_view hosts = store_url.substr(scheme + 3);
  hosts = hosts.substr(0, hosts.find_first_of("/?"));
  if (const auto user = hosts.rfind('@'); user != hosts.npos) hosts.remove_prefix(user + 1);
  const auto first = hosts.substr(0, hosts.find(','));
  // A percent sign: the path of a Unix socket (a host name has none).
  if (first.empty() || first.starts_with(':') || first.find('%') != first.npos) return {};
  const bool port = first.find(':', first.rfind(']') + 1) != first.npos;
  return std::string(first) + (port ? "" : ":5432");
}

}  // namespace hedgerow
