#include "base/assert.h"
#include "store/members_json.h"
#include "store/sqlite/rows.h"

#define HEDGEROW_VIEW_COLUMNS "token, sequence, epoch, members, removed"

namespace hedgerow::store::sqlite {
namespace {

using ports::view_action;
using ports::view_request;
using ports::view_row;

constexpr std::string_view read_sql =
    "SELECT " HEDGEROW_VIEW_COLUMNS " FROM hedgerow_view WHERE grp = :grp";

constexpr std::string_view claim_sql =
    "INSERT INTO hedgerow_view(grp, " HEDGEROW_VIEW_COLUMNS
    ")"
    " SELECT :grp, :token, 0, :epoch, '[]', '[]' WHERE store_epoch() <> ''"
    " ON CONFLICT(grp) DO UPDATE SET token = excluded.token"
    " WHERE hedgerow_view.token < excluded.token"
    " RETURNING " HEDGEROW_VIEW_COLUMNS;

constexpr std::string_view commit_sql =
    "UPDATE hedgerow_view SET token = :token, sequence = :sequence, epoch = :epoch,"
    " members = :members, removed = :removed"
    " WHERE grp = :grp AND token = :seen_token AND sequence = :seen_sequence"
    " AND store_epoch() <> ''"
    " RETURNING " HEDGEROW_VIEW_COLUMNS;

result<view_row> decode(const statement& row) {
  view_row view;
  view.id.token = row.integer(0);
  view.id.sequence = static_cast<std::uint64_t>(row.integer(1));
  view.epoch = row.text(2);
  auto members = members_from_json(row.text(3));
  if (!members) return tl::unexpected(members.error());
  view.members = std::move(*members);
  auto removed = removed_from_json(row.text(4));
  if (!removed) return tl::unexpected(removed.error());
  view.removed = std::move(*removed);
  return view;
}

}  // namespace

sql_result<std::optional<view_row>> read_view(sqlite3* db, std::string_view group) {
  auto query = statement::prepare(db, read_sql);
  if (!query) return tl::unexpected(query.error());
  return query->bind(":grp", group).fetch<view_row>(decode);
}

sql_result<std::optional<view_row>> write_view(sqlite3* db, std::string_view group,
                                               const view_request& request) {
  HEDGEROW_ASSERT(request.action != view_action::read);
  const bool commit = request.action == view_action::commit;
  auto update = statement::prepare(db, commit ? commit_sql : claim_sql);
  if (!update) return tl::unexpected(update.error());
  const view_row& row = request.row;
  update->bind(":grp", group)
      .bind(":token", row.id.token)
      .bind(":epoch", row.epoch)
      .bind(":sequence", static_cast<std::int64_t>(row.id.sequence))
      .bind(":seen_token", request.expected.token)
      .bind(":seen_sequence", static_cast<std::int64_t>(request.expected.sequence));
  if (commit)
    update->bind(":members", members_to_json(row.members))
        .bind(":removed", removed_to_json(row.removed));
  return update->fetch<view_row>(decode);
}

}  // namespace hedgerow::store::sqlite
