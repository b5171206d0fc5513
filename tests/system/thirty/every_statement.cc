#include "tests/system/thirty/every_statement.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

namespace hedgerow::system_test {

using postgres_test::fate;
using postgres_test::postgres_server;
using postgres_test::proxy_request;
using postgres_test::ruling;

namespace {

std::string in_schema(const std::string& url, const std::string& schema) {
  return url + (url.find('?') == url.npos ? "?" : "&") + "options=-csearch_path%3D" + schema;
}

}  // namespace

std::string in_short(const moment& when) {
  return fmt::format("{} number {} of \"{}\"", when.executed ? "after" : "before", when.n,
                     when.sql.substr(0, 60));
}

std::vector<moment> moments_of(const std::vector<proxy_request>& requests) {
  const bool every = std::getenv("HEDGEROW_EVERY_STATEMENT") != nullptr;
  std::map<std::string, int> seen;
  std::vector<moment> moments;
  for (const proxy_request& one : requests) {
    const int n = ++seen[one.sql];
    if (n > 1 && !every) continue;
    moments.push_back({one.sql, n, false});
    moments.push_back({one.sql, n, true});
  }
  return moments;
}

two_agents::two_agents(postgres_server& on, const std::string& schema, const std::string& lease,
                       moment when, int signal)
    : proxy(on),
      group(lease, in_schema(proxy.url(), schema), same_clock),
      when_(std::move(when)),
      signal_(signal),
      direct_(in_schema(on.socket_url("owner"), schema)) {
  on.psql("CREATE SCHEMA " + schema + " AUTHORIZATION owner");
  proxy.decide([this](const proxy_request& one) { return judge(one); });
}

ruling two_agents::judge(const proxy_request& one) {
  if (one.sql != when_.sql || ++seen_ != when_.n) return {};
  // It may send something before its parent knows who it is.
  if (!wait_for([this] { return pid_ != 0; }, milliseconds{5000})) return {};
  if (!when_.executed) kill(pid_, signal_);
  at_ = steady_clock::now().time_since_epoch().count();
  if (!when_.executed) return {fate::cut_before};
  // What was sent is executed, whether its sender lives or not.
  kill(pid_, signal_);
  return {};
}

process_setup two_agents::setup(const std::string& name, const std::string& url) const {
  process_setup with = group.agent_setup(name);
  std::replace(with.arguments.begin(), with.arguments.end(), group.store(), url);
  return with;
}

agent& two_agents::start_a() {
  agent& a = group.start_with("a", setup("a", group.store()));
  pid_ = a.itself().pid();
  return a;
}

agent& two_agents::start_b() {
  return group.start_with("b", setup("b", direct_));
}

}  // namespace hedgerow::system_test
