#include <algorithm>

#include <hedgerow/store.h>

#include "clock/machine_clock.h"
#include "node/open_store.h"
#include "store/postgres/schema.h"
#include "store/postgres/url.h"

namespace hedgerow {

result<group_rows> read_group(const std::string& store_url, const std::string& group) {
  const auto where = store::parse_url(store_url);
  if (!where) return tl::unexpected(where.error());
  auto rows = read_rows(*where, group);
  if (!rows) return tl::unexpected(std::move(rows).error());
  group_rows found;
  if (rows->view) found.view = {rows->view->id, rows->view->members, rows->view->removed};
  if (!rows->lease) return found;
  const auto& lease = *rows->lease;
  found.holder = {lease.holder, lease.address, lease.incarnation, lease.token, {}};
  found.released = lease.released;
  clock::machine_clock clock;
  const auto now = clock.now().truth;
  found.lease_known = lease.scale == clock.scale() && lease.epoch.starts_with(clock.epoch());
  if (found.lease_known && !lease.released && lease.expires > now.latest) {
    found.holder.remaining =
        std::chrono::duration_cast<std::chrono::milliseconds>(lease.expires - now.latest);
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
