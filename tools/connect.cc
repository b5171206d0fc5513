#include "tools/connect.h"

#include <algorithm>

#include <hedgerow/store.h>

#include "tools/logging.h"

namespace hedgerow::tools {
namespace {

// The deadline has passed already: better words may cost a moment, not the patience of a store.
constexpr std::chrono::milliseconds words_patience{300};

}  // namespace

std::chrono::milliseconds time_budget::left() const {
  const auto left = end_ - std::chrono::steady_clock::now();
  return std::max(std::chrono::milliseconds{0}, std::chrono::ceil<std::chrono::milliseconds>(left));
}

client_options client_options_of(const shared_options& shared) {
  client_options with;
  with.group = shared.group;
  with.store = shared.store;
  with.agent = shared.agent;
  with.security = shared.security;
  with.insecure = shared.insecure;
  log_setup log = start_logging(shared.log_level);
  with.log = std::move(log.sink);
  with.log_level = log.level;
  return with;
}

error why_unreachable(const shared_options& shared, const error& why) {
  if (why.code != errc::unreachable || !shared.agent.empty()) return why;
  const auto rows = read_group(shared.store, shared.group, words_patience);
  return rows ? why : error(why.code, rows.error().message());
}

result<std::unique_ptr<client>> connect(const shared_options& shared, const time_budget& budget) {
  auto started = client::start(client_options_of(shared));
  if (!started) return started;
  if (auto connected = (*started)->wait_until_connected(budget.left()); !connected)
    return tl::unexpected(why_unreachable(shared, connected.error()));
  return started;
}

}  // namespace hedgerow::tools
