#include "store/postgres/lookup.h"

#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

namespace hedgerow::store::postgres {
namespace {

struct addresses_free {
  void operator()(addrinfo* a) const { freeaddrinfo(a); }
};

}  // namespace

std::vector<server> look_up(const std::vector<server>& servers, std::string& trouble) {
  std::vector<server> all;
  for (const server& one : servers) {
    const bool socket = one.host.empty() || one.host.front() == '/' || one.host.front() == '@';
    if (socket || !one.address.empty()) {
      all.push_back(one);
      continue;
    }
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_ADDRCONFIG;
    addrinfo* raw = nullptr;
    int failed = getaddrinfo(one.host.c_str(), nullptr, &wanted, &raw);
    // A machine with loopback alone has no configured address, but can reach itself.
    wanted.ai_flags = 0;
    if (failed != 0) failed = getaddrinfo(one.host.c_str(), nullptr, &wanted, &raw);
    if (failed != 0) {
      trouble = fmt::format("cannot look up {}: {}", one.host, gai_strerror(failed));
      continue;
    }
    const std::unique_ptr<addrinfo, addresses_free> found(raw);
    for (const addrinfo* a = raw; a != nullptr; a = a->ai_next) {
      char text[NI_MAXHOST] = {};
      if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
          0)
        all.push_back({one.host, text, one.port});
    }
  }
  return all;
}

std::string to_string(const server& one) {
  if (one.host.empty() && one.address.empty()) return "the server";
  const std::string& where = one.host.empty() ? one.address : one.host;
  const bool both = !one.host.empty() && !one.address.empty() && one.host != one.address;
  return fmt::format("{}{}{}{}", where, both ? fmt::format(" ({})", one.address) : "",
                     one.port.empty() ? "" : ":", one.port);
}

}  // namespace hedgerow::store::postgres
