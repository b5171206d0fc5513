#include "net/advertise.h"

#include <cerrno>
#include <optional>
#include <system_error>

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model/limits.h"
#include "net/address.h"
#include "net/name_lookup.h"

namespace hedgerow::net {
namespace {

constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

tl::unexpected<error> refused(std::string_view what, std::string_view why) {
  return fail(errc::invalid_argument, fmt::format("cannot advertise {}: {}", what, why));
}

tl::unexpected<error> no_route(const std::string& target, const std::string& why) {
  return fail(errc::invalid_argument,
              fmt::format("cannot tell what others can dial: {}: {}; say it with --advertise",
                          target, why));
}

// Nothing if others can dial it.
std::string_view objection(const ip_address& host) {
  if (is_wildcard(host)) return "it means every address; name one that others can dial";
  if (is_link_local(host))
    return "a link-local address means something only with a zone, which is each machine's own; "
           "name another with --advertise";
  return {};
}

result<std::string> text_of(const ip_address& host, std::uint16_t port) {
  std::string text = to_string(host_port{unmapped(host).to_string(), port});
  if (const auto why = objection(host); !why.empty()) return refused(text, why);
  return text;
}

result<std::string> check_wish(const host_port& wish) {
  if (wish.port == 0) return refused(to_string(wish), "port 0 can't be dialled");
  if (wish.host.find('%') != std::string::npos)
    return refused(to_string(wish), "a zone is each machine's own; name an address without one");
  if (const auto literal = ip_address::parse(wish.host)) return text_of(*literal, wish.port);
  if (wish.host.find_first_not_of(name_characters) != std::string::npos)
    return refused(to_string(wish), "this is neither an IP address nor a host name");
  return to_string(wish);
}

// None, and errno.
std::optional<endpoint> local_end_towards(const endpoint& there) {
  const int handle = ::socket(there.host.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (handle < 0) return std::nullopt;
  const socket_address to(there);
  std::optional<endpoint> here;
  if (::connect(handle, to.data(), to.size()) == 0) here = local_end(handle);
  const int why = errno;
  ::close(handle);
  errno = why;
  return here;
}

}  // namespace

result<ip_address> local_address_towards(const std::string& target, int only) {
  const auto wanted = parse_host_port(target);
  if (!wanted) return no_route(target, "it is no host:port");
  const name_answer answer = look_up(wanted->host);
  std::string why = answer.error;
  if (why.empty()) why = only == AF_INET ? "it has no IPv4 address" : "it has no address";
  for (const auto& each : answer.addresses) {
    const endpoint there{unmapped(each), wanted->port == 0 ? std::uint16_t{9} : wanted->port};
    if (only != AF_UNSPEC && there.host.family() != only) continue;
    if (const auto here = local_end_towards(there)) return here->host;
    why = std::system_category().message(errno);
  }
  return no_route(target, why);
}

result<std::string> advertised(const std::string& wish, const std::string& route_to,
                               const endpoint& bound) {
  if (!wish.empty()) {
    auto parsed = parse_host_port(wish);
    if (!parsed) parsed = parse_host_port(fmt::format("{}:{}", wish, bound.port));
    if (!parsed || wish.size() > limits::address_bytes_max - 6) {
      return fail(errc::invalid_argument,
                  fmt::format("not an address: --advertise {}; write host or host:port, an IPv6 "
                              "host in brackets",
                              wish.substr(0, limits::address_bytes_max)));
    }
    return check_wish(*parsed);
  }
  if (!is_wildcard(bound.host)) return text_of(bound.host, bound.port);
  const bool v4 = bound.host.family() == AF_INET;
  if (route_to.empty()) return text_of(ip_address::loopback(v4 ? AF_INET : AF_INET6), bound.port);
  const auto here = local_address_towards(route_to, v4 ? AF_INET : AF_UNSPEC);
  if (!here) return tl::unexpected<error>(here.error());
  return text_of(*here, bound.port);
}

}  // namespace hedgerow::net
