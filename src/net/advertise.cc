#include "net/advertise.h"

#include <cerrno>
#include <system_error>

#include <fmt/core.h>
#include <sys/socket.h>

#include "model/limits.h"
#include "net/address.h"
#include "net/ip.h"
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
std::string_view objection(const asio::ip::address& host) {
  if (is_wildcard(host)) return "it means every address; name one that others can dial";
  if (host.is_v6() && host.to_v6().is_link_local())
    return "a link-local address means something only with a zone, which is each machine's own; "
           "name another with --advertise";
  return {};
}

result<std::string> text_of(const asio::ip::address& host, std::uint16_t port) {
  std::string text = to_string(host_port{unmapped(host).to_string(), port});
  if (const auto why = objection(host); !why.empty()) return refused(text, why);
  return text;
}

result<std::string> check_wish(const host_port& wish) {
  if (wish.port == 0) return refused(to_string(wish), "port 0 can't be dialled");
  if (wish.host.find('%') != std::string::npos)
    return refused(to_string(wish), "a zone is each machine's own; name an address without one");
  boost_error not_literal;
  const auto literal = asio::ip::make_address(wish.host, not_literal);
  if (!not_literal) return text_of(literal, wish.port);
  if (wish.host.find_first_not_of(name_characters) != std::string::npos)
    return refused(to_string(wish), "this is neither an IP address nor a host name");
  return to_string(wish);
}

}  // namespace

result<asio::ip::address> local_address_towards(const std::string& target, int only) {
  const auto wanted = parse_host_port(target);
  if (!wanted) return no_route(target, "it is no host:port");
  const name_answer answer = look_up(wanted->host);
  std::string why = answer.error;
  if (why.empty()) why = only == AF_INET ? "it has no IPv4 address" : "it has no address";
  asio::io_context unused;
  for (const auto& each : answer.addresses) {
    const udp::endpoint there(unmapped(each), wanted->port == 0 ? std::uint16_t{9} : wanted->port);
    if (only != AF_UNSPEC && there.protocol().family() != only) continue;
    udp::socket socket(unused);
    boost_error failed;
    socket.open(there.protocol(), failed);
    if (!failed) socket.connect(there, failed);
    const auto here = failed ? udp::endpoint() : socket.local_endpoint(failed);
    if (!failed) return here.address();
    why = failed.message();
  }
  return no_route(target, why);
}

result<std::string> advertised(const std::string& wish, const std::string& route_to,
                               const tcp::endpoint& bound) {
  if (!wish.empty()) {
    auto parsed = parse_host_port(wish);
    if (!parsed) parsed = parse_host_port(fmt::format("{}:{}", wish, bound.port()));
    if (!parsed || wish.size() > limits::address_bytes_max - 6) {
      return fail(errc::invalid_argument,
                  fmt::format("not an address: --advertise {}; write host or host:port, an IPv6 "
                              "host in brackets",
                              wish.substr(0, limits::address_bytes_max)));
    }
    return check_wish(*parsed);
  }
  if (!is_wildcard(bound.address())) return text_of(bound.address(), bound.port());
  const bool v4 = bound.protocol() == tcp::v4();
  if (route_to.empty()) {
    const asio::ip::address loopback = v4 ? asio::ip::address(asio::ip::address_v4::loopback())
                                          : asio::ip::address(asio::ip::address_v6::loopback());
    return text_of(loopback, bound.port());
  }
  const auto here = local_address_towards(route_to, v4 ? AF_INET : AF_UNSPEC);
  if (!here) return tl::unexpected<error>(here.error());
  return text_of(*here, bound.port());
}

}  // namespace hedgerow::net
