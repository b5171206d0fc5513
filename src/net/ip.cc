#include "net/ip.h"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>

namespace hedgerow::net {
namespace {

// The name of an interface of this machine, or its index.
std::optional<std::uint32_t> zone_of(const std::string& text) {
  if (const auto index = if_nametoindex(text.c_str()); index != 0) return index;
  std::uint32_t number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<endpoint> end_of(int handle, int (*which)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (which(handle, reinterpret_cast<sockaddr*>(&at), &size) != 0) return std::nullopt;
  return endpoint_of(reinterpret_cast<const sockaddr*>(&at));
}

}  // namespace

ip_address::ip_address(const in_addr& v4) {
  std::memcpy(bytes_.data(), &v4, sizeof v4);
}

ip_address::ip_address(const in6_addr& v6, std::uint32_t zone) : family_(AF_INET6), zone_(zone) {
  std::memcpy(bytes_.data(), &v6, sizeof v6);
}

std::optional<ip_address> ip_address::parse(const std::string& text) {
  // The system's functions read up to a zero byte.
  if (text.find('\0') != std::string::npos) return std::nullopt;
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return ip_address(v4);
  const auto percent = text.find('%');
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), &v6) != 1) return std::nullopt;
  if (percent == std::string::npos) return ip_address(v6);
  const auto zone = zone_of(text.substr(percent + 1));
  if (!zone) return std::nullopt;
  return ip_address(v6, *zone);
}

ip_address ip_address::loopback(int family) {
  return family == AF_INET ? ip_address(in_addr{htonl(INADDR_LOOPBACK)})
                           : ip_address(in6addr_loopback);
}

in_addr ip_address::v4() const {
  in_addr out{};
  std::memcpy(&out, bytes_.data(), sizeof out);
  return out;
}

in6_addr ip_address::v6() const {
  in6_addr out{};
  std::memcpy(&out, bytes_.data(), sizeof out);
  return out;
}

std::string ip_address::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family_, bytes_.data(), text, sizeof text);
  if (zone_ == 0) return text;
  char name[IF_NAMESIZE] = {};
  const bool named = if_indextoname(zone_, name) != nullptr;
  return std::string(text) + '%' + (named ? std::string(name) : std::to_string(zone_));
}

ip_address unmapped(const ip_address& host) {
  if (host.family() != AF_INET6) return host;
  const in6_addr v6 = host.v6();
  if (!IN6_IS_ADDR_V4MAPPED(&v6)) return host;
  in_addr v4{};
  std::memcpy(&v4, v6.s6_addr + 12, sizeof v4);
  return ip_address(v4);
}

bool is_loopback(const ip_address& host) {
  const ip_address plain = unmapped(host);
  if (plain.family() == AF_INET) return (ntohl(plain.v4().s_addr) >> 24) == 127;
  const in6_addr v6 = plain.v6();
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_wildcard(const ip_address& host) {
  const ip_address plain = unmapped(host);
  if (plain.family() == AF_INET) return plain.v4().s_addr == htonl(INADDR_ANY);
  const in6_addr v6 = plain.v6();
  return IN6_IS_ADDR_UNSPECIFIED(&v6);
}

bool is_link_local(const ip_address& host) {
  if (host.family() != AF_INET6) return false;
  const in6_addr v6 = host.v6();
  return IN6_IS_ADDR_LINKLOCAL(&v6);
}

socket_address::socket_address(const endpoint& at) {
  if (at.host.family() == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(at.port);
    v4.sin_addr = at.host.v4();
    size_ = sizeof v4;
    std::memcpy(&storage_, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(at.port);
    v6.sin6_addr = at.host.v6();
    v6.sin6_scope_id = at.host.zone();
    size_ = sizeof v6;
    std::memcpy(&storage_, &v6, sizeof v6);
  }
}

std::optional<endpoint> endpoint_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return endpoint{ip_address(v4.sin_addr), ntohs(v4.sin_port)};
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  return endpoint{ip_address(v6.sin6_addr, v6.sin6_scope_id), ntohs(v6.sin6_port)};
}

std::optional<endpoint> local_end(int handle) {
  return end_of(handle, ::getsockname);
}

std::optional<endpoint> remote_end(int handle) {
  return end_of(handle, ::getpeername);
}

}  // namespace hedgerow::net
