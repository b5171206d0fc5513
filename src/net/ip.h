#pragma once
// IP addresses and ends of connections, and what they mean.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

namespace hedgerow::net {

class ip_address {
 public:
  // 0.0.0.0.
  ip_address() = default;
  explicit ip_address(const in_addr& v4);
  // `zone` is the index of the interface on which a link-local address means something, or 0.
  explicit ip_address(const in6_addr& v6, std::uint32_t zone = 0);

  // Of its text, an IPv6 one without brackets and perhaps with a zone; none if it is no address.
  static std::optional<ip_address> parse(const std::string& text);
  // Requires: AF_INET or AF_INET6, like all that takes a family here.
  static ip_address loopback(int family);

  int family() const { return family_; }
  in_addr v4() const;   // Requires: AF_INET.
  in6_addr v6() const;  // Requires: AF_INET6.
  std::uint32_t zone() const { return zone_; }
  std::string to_string() const;

  bool operator==(const ip_address&) const = default;

 private:
  int family_ = AF_INET;
  std::array<std::uint8_t, 16> bytes_{};  // the first four of IPv4
  std::uint32_t zone_ = 0;
};

// An IPv4-mapped IPv6 address as the IPv4 address that it stands for; any other as it is.
ip_address unmapped(const ip_address& host);

// 127.0.0.0/8 and ::1.
bool is_loopback(const ip_address& host);

// 0.0.0.0 and ::, which listen on every address of the machine and can't be dialled.
bool is_wildcard(const ip_address& host);

bool is_link_local(const ip_address& host);  // of IPv6

struct endpoint {
  ip_address host;
  std::uint16_t port = 0;

  bool operator==(const endpoint&) const = default;
};

// As the system wants it.
class socket_address {
 public:
  explicit socket_address(const endpoint& at);

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// None: neither IPv4 nor IPv6.
std::optional<endpoint> endpoint_of(const sockaddr* address);
// None: it has none, or not any more.
std::optional<endpoint> local_end(int handle);
std::optional<endpoint> remote_end(int handle);

}  // namespace hedgerow::net
