#include "store/postgres/read_group.h"

#include <fmt/format.h>

#include "store/patience.h"
#include "store/postgres/schema.h"
#include "store/postgres/session.h"
#include "store/statements.h"

namespace hedgerow::store::postgres {
namespace {

constexpr int lease_fields = 13;

// "SELECT a, b FROM …" -> "a, b", each with its table in front.
std::string columns_of(const std::string& select, const std::string& table) {
  std::string list = select.substr(7, select.find(" FROM ") - 7);
  std::string out = table + ".";
  for (const char c : list) {
    out += c;
    if (c == ' ') out += table + ".";
  }
  return out;
}

}  // namespace

result<group_snapshot> read_group(const target& from, std::string_view group,
                                  nanoseconds patience) {
  const boot_time deadline = boot_now() + patience;
  session in(from);
  if (auto connected = in.connect(deadline); !connected) return tl::unexpected(connected.error());
  const auto tables = check_tables(in, deadline);
  if (!tables) return tl::unexpected(tables.error());
  if (!*tables)
    return fail(errc::store_unavailable,
                fmt::format("the store {} has no tables: no agent has run here yet; start one with "
                            "`hedgerow agent`",
                            from.name));
  statement both(
      fmt::format("SELECT {}, {} FROM (SELECT 1) AS one LEFT JOIN hedgerow_lease l ON l.grp = :grp"
                  " LEFT JOIN hedgerow_view v ON v.grp = :grp",
                  columns_of(lease_sql(ports::lease_action::read, row_kind::group), "l"),
                  columns_of(view_sql(ports::view_action::read), "v")));
  both.bind(":grp", group);
  const auto answer = in.run(both, deadline);
  if (!answer) return fail(errc::store_unavailable, answer.error().text);
  group_snapshot snapshot;
  const row lease = answer->at(0);
  if (!lease.null(0)) {
    auto decoded = decode_lease(lease);
    if (!decoded) return tl::unexpected(std::move(decoded).error());
    snapshot.lease = std::move(*decoded);
  }
  const row view = answer->at(0, lease_fields);
  if (!view.null(0)) {
    auto decoded = decode_view(view);
    if (!decoded) return tl::unexpected(std::move(decoded).error());
    snapshot.view = std::move(*decoded);
  }
  return snapshot;
}

}  // namespace hedgerow::store::postgres
