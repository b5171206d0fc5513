#include <algorithm>
#include <optional>

#include <hedgerow/store.h>

#include "clock/open_clock.h"
#include "node/open_store.h"
#include "store/postgres/schema.h"
#include "store/postgres/url.h"

namespace hedgerow {
namespace {

// For people to read, not to act on: the wall clock may be wrong by any amount.
std::optional<instant> now_on(const std::string& scale, const std::string& epoch) {
  const auto clock = clock::open_clock(scale == "utc" ? "declared:1ms" : "machine");
  if (!clock || (*clock)->scale() != scale || !epoch.starts_with((*clock)->epoch())) return {};
  return (*clock)->truth().latest;
}

}  // namespace

result<group_rows> read_group(const std::string& store_url, const std::string& group,
                              std::chrono::milliseconds timeout) {
  const auto where = store::parse_url(store_url);
  if (!where) return tl::unexpected(where.error());
  auto rows = read_rows(*where, group, timeout);
  if (!rows) return tl::unexpected(std::move(rows).error());
  group_rows found;
  if (rows->view) found.view = {rows->view->id, rows->view->members, rows->view->removed};
  if (!rows->lease) return found;
  const auto& lease = *rows->lease;
  found.holder = {lease.holder, lease.address, lease.incarnation, lease.token, {}};
  found.released = lease.released;
  const auto now = now_on(lease.scale, lease.epoch);
  found.lease_known = now.has_value();
  if (now && !lease.released && lease.expires > *now) {
    found.holder.remaining =
        std::chrono::duration_cast<std::chrono::milliseconds>(lease.expires - *now);
  }
  return found;
}

std::string postgres_setup_sql(const std::string& role) {
  return store::postgres::setup_sql(role);
}

bool holds_password(const std::string& url) {
  const auto where = store::parse_url(url);
  if (!where || !std::holds_alternative<store::postgres_location>(*where)) return false;
  const auto to = store::postgres::parse(url);
  return to && to->has_password;
}

}  // namespace hedgerow
