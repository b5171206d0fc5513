#include "store/postgres/url.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libpq-fe.h>
#include <netinet/in.h>

namespace hedgerow::store::postgres {
namespace {

constexpr const char* form =
    "write postgres://USER@HOST[:PORT][,HOST…]/DATABASE[?sslmode=verify-full&…]";

struct options_free {
  void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
};
using parsed_options = std::unique_ptr<PQconninfoOption, options_free>;

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    parts.emplace_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

tl::unexpected<error> refuse(std::string_view why) {
  return fail(errc::invalid_argument, fmt::format("the store's URL {}; {}", why, form));
}

std::string take(std::vector<std::pair<std::string, std::string>>& from, std::string_view key) {
  const auto at =
      std::find_if(from.begin(), from.end(), [&](const auto& p) { return p.first == key; });
  if (at == from.end()) return {};
  std::string value = std::move(at->second);
  from.erase(at);
  return value;
}

result<std::vector<server>> servers_of(target& all) {
  const auto hosts = split(take(all.parameters, "host"));
  const auto addresses = split(take(all.parameters, "hostaddr"));
  const auto ports = split(take(all.parameters, "port"));
  const std::size_t count = std::max(hosts.size(), addresses.size());
  const auto fits = [count](const auto& list) {
    return list.size() == count || (list.size() == 1 && list.front().empty());
  };
  if (!fits(hosts) || !fits(addresses))
    return refuse("has another number of hosts than of hostaddr");
  if (ports.size() != count && ports.size() != 1)
    return refuse("has another number of ports than of hosts");
  std::vector<server> servers;
  for (std::size_t i = 0; i < count; ++i)
    servers.push_back({hosts.size() == count ? hosts[i] : "",
                       addresses.size() == count ? addresses[i] : "",
                       ports.size() == count ? ports[i] : ports.front()});
  return servers;
}

// Ours where the URL says nothing.
void add_defaults(target& all) {
  const auto add = [&all](const char* key, const char* value) {
    if (all.find(key) == nullptr) all.parameters.emplace_back(key, value);
  };
  add("target_session_attrs", "read-write");
  add("fallback_application_name", "hedgerow");
  add("client_encoding", "UTF8");
  // A dead network is noticed by our own deadlines; these keep the kernel from holding on to it.
  add("keepalives_idle", "5");
  add("keepalives_interval", "1");
  add("keepalives_count", "3");
  add("tcp_user_timeout", "5000");
  add("gssencmode", "disable");
}

std::string shown(const target& all) {
  std::vector<std::string> servers;
  for (const server& one : all.servers) {
    const std::string& host = one.host.empty() ? one.address : one.host;
    servers.push_back(one.port.empty() ? host : fmt::format("{}:{}", host, one.port));
  }
  const auto text_of = [&all](const char* key) {
    const std::string* value = all.find(key);
    return value == nullptr ? std::string() : *value;
  };
  const std::string user = text_of("user");
  return fmt::format("postgres://{}{}{}/{}", user, user.empty() ? "" : "@", fmt::join(servers, ","),
                     text_of("dbname"));
}

}  // namespace

bool is_loopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

bool server::is_local() const {
  if (!address.empty()) return is_loopback(address);
  return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" ||
         is_loopback(host);
}

const std::string* target::find(std::string_view key) const {
  const auto at = std::find_if(parameters.begin(), parameters.end(),
                               [&](const auto& p) { return p.first == key; });
  return at == parameters.end() ? nullptr : &at->second;
}

result<target> parse(const std::string& url) {
  char* trouble = nullptr;
  const parsed_options options(PQconninfoParse(url.c_str(), &trouble));
  PQfreemem(trouble);  // not shown: it repeats the URL
  if (!options) return refuse("can't be understood");
  target all;
  for (const PQconninfoOption* o = options.get(); o->keyword != nullptr; ++o) {
    if (o->val != nullptr) all.parameters.emplace_back(o->keyword, o->val);
  }
  auto servers = servers_of(all);
  if (!servers) return tl::unexpected(std::move(servers).error());
  all.servers = std::move(*servers);
  all.has_password = all.find("password") != nullptr;
  all.name = shown(all);
  const std::string* wanted = all.find("target_session_attrs");
  if (wanted != nullptr && *wanted != "read-write" && *wanted != "primary")
    return refuse("has a target_session_attrs under which nothing can be written: leave it away");
  const std::string* mode = all.find("sslmode");
  const char* surroundings = std::getenv("PGSSLMODE");  // NOLINT(concurrency-mt-unsafe)
  const std::string said = mode != nullptr ? *mode : (surroundings != nullptr ? surroundings : "");
  all.clear_text = said == "disable";
  const bool all_local = std::all_of(all.servers.begin(), all.servers.end(),
                                     [](const server& one) { return one.is_local(); });
  if (said.empty() && !all_local) all.parameters.emplace_back("sslmode", "require");
  add_defaults(all);
  return all;
}

}  // namespace hedgerow::store::postgres
