#include "net/ip.h"

namespace hedgerow::net {

asio::ip::address unmapped(const asio::ip::address& host) {
  if (!host.is_v6() || !host.to_v6().is_v4_mapped()) return host;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, host.to_v6());
}

bool is_loopback(const asio::ip::address& host) {
  return unmapped(host).is_loopback();
}

bool is_wildcard(const asio::ip::address& host) {
  return unmapped(host).is_unspecified();
}

}  // namespace hedgerow::net
