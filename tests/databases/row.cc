#include "tests/databases/row.h"

#include <sstream>

#include "tests/databases/candidate.h"

namespace hedgerow::databases_test {

statement kind_of(const postgres_test::proxy_request& one) {
  const auto has = [&](const char* text) { return one.sql.find(text) != std::string::npos; };
  if (!has("hedgerow_lease") && !has("hedgerow_lock")) return statement::other;
  if (has("CREATE TABLE") || has("has_table_privilege")) return statement::other;
  if (one.sql.starts_with("INSERT")) return statement::create;
  if (has("SET holder =")) return statement::acquire;
  if (has("SET expires_us =")) return statement::renew;
  if (has("SET released =")) return statement::release;
  if (has("SET epoch =")) return statement::repin;
  return one.sql.starts_with("SELECT") ? statement::read : statement::other;
}

row_seen row_of(const postgres_test::postgres_server& server) {
  std::istringstream words{
      server.psql("SELECT replace(holder, ' ', '-') || ' ' || token || ' ' || expires_us || ' ' ||"
                  " CAST(released AS integer) FROM hedgerow_lock WHERE grp = 'contended'")};
  row_seen seen;
  int released = 0;
  seen.there = static_cast<bool>(words >> seen.holder >> seen.token >> seen.expires_us >> released);
  seen.released = released != 0;
  return seen;
}

boot_time as_boot_time(std::int64_t us) {
  return {(us - scale_begin_us) * 1000};
}

}  // namespace hedgerow::databases_test
