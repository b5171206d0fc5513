#include "model/loopback.h"

#include <algorithm>

#include <fmt/core.h>

namespace hedgerow {
namespace {

std::string host_of(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::string lower(host);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// With fewer than three dots, too: resolvers read 127.1 as 127.0.0.1.
bool is_ipv4_loopback(std::string_view host) {
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
}

}  // namespace

bool is_loopback(std::string_view address) {
  constexpr std::string_view mapped = "::ffff:";
  std::string host = host_of(address);
  if (host == "::1" || is_ipv4_loopback(host)) return true;
  if (host.starts_with(mapped)) return is_ipv4_loopback(host.substr(mapped.size()));
  if (host.ends_with('.')) host.pop_back();
  return host == "localhost" || host.ends_with(".localhost");
}

bool cut_off(const member& a, const member& b) {
  if (a.machine.empty() || b.machine.empty() || a.machine == b.machine) return false;
  return is_loopback(a.address) || is_loopback(b.address);
}

std::string why_cut_off(const std::string& own, const std::string& other,
                        const std::string& address) {
  if (is_loopback(own)) {
    return fmt::format(
        "this agent advertises {}, which members on other machines can't reach, such as {} at {}; "
        "give it --listen or --advertise with an address of the network",
        own, other, address);
  }
  return fmt::format(
      "{} advertises {}, which this agent can't reach from another machine; give that agent "
      "--listen or --advertise with an address of the network",
      other, address);
}

}  // namespace hedgerow
