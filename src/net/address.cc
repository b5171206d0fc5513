#include "net/address.h"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

namespace hedgerow::net {
namespace {

auto malformed(std::string_view text) {
  return fail(errc::invalid_argument,
              fmt::format("not an address: '{}'; write host:port, such as 127.0.0.1:7000 or "
                          "[::1]:7000",
                          text));
}

}  // namespace

result<host_port> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  // A zero byte would end the name on its way to the resolver.
  const auto strange = [brackets](char c) {
    return c == '[' || c == ']' || (c >= 0 && c <= ' ') || c == '\x7f' || (c == ':' && !brackets);
  };
  if (host.empty() || std::any_of(host.begin(), host.end(), strange)) return malformed(text);
  host_port out;
  out.host = host;
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (wrong != std::errc() || end != digits.data() + digits.size()) return malformed(text);
  return out;
}

std::string to_string(const host_port& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return brackets ? fmt::format("[{}]:{}", address.host, address.port)
                  : fmt::format("{}:{}", address.host, address.port);
}

}  // namespace hedgerow::net
