#include "store/sqlite/sqlite_connection.h"

#include <functional>
#include <utility>

#include "store/patience.h"
#include "store/sqlite/rows.h"

namespace hedgerow::store::sqlite {
namespace {

using ports::lease_action;
using ports::lease_reply;
using ports::store_outcome;
using ports::view_action;
using ports::view_reply;

template <class Reply>
Reply not_done(std::string why) {
  Reply reply;
  reply.error = std::move(why);
  return reply;
}

template <class Reply>
Reply not_done(const sql_error& why) {
  Reply reply = not_done<Reply>(why.text);
  if (!why.surely_not_done) reply.outcome = store_outcome::unknown;
  return reply;
}

template <class Reply, class Write, class Read>
Reply write_or_read(const Write& write, const Read& read) {
  Reply reply;
  reply.outcome = store_outcome::done;
  if (write) {
    auto row = write();
    if (!row) return not_done<Reply>(row.error());
    reply.applied = row->has_value();
    reply.row = std::move(*row);
    if (reply.applied) return reply;
  }
  auto row = read();
  if (!row) return not_done<Reply>(row.error());
  reply.row = std::move(*row);
  return reply;
}

// Executes on the file to which the path leads. A write that did not apply to a file that is no
// longer the store is tried again on the one that is.
template <class Reply, class Execute>
Reply on_current_file(database& db, boot_time deadline, const Execute& execute) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (auto ready = db.ready(deadline); !ready) return not_done<Reply>(ready.error().message());
    if (boot_now() >= deadline) return not_done<Reply>("opening the store took too long");
    Reply reply = execute(db.handle());
    if (reply.outcome == store_outcome::unknown || reply.applied || !db.replaced()) return reply;
  }
  return not_done<Reply>("the store's file is being replaced all the time");
}

}  // namespace

lease_reply sqlite_connection::execute(const row_key& key, const ports::lease_request& request,
                                       boot_time deadline) {
  const bool writes = request.action != lease_action::read;
  auto reply = on_current_file<lease_reply>(db_, deadline, [&](sqlite3* raw) {
    std::function<sql_result<std::optional<ports::lease_row>>()> write;
    if (writes) write = [&] { return write_lease(raw, key, request); };
    return write_or_read<lease_reply>(write, [&] { return read_lease(raw, key); });
  });
  if (reply.outcome != store_outcome::done) return reply;
  reply.epoch = db_.epoch();
  reply.applied = reply.applied || !writes;
  return reply;
}

view_reply sqlite_connection::execute(const row_key& key, const ports::view_request& request,
                                      boot_time deadline) {
  const bool writes = request.action != view_action::read;
  auto reply = on_current_file<view_reply>(db_, deadline, [&](sqlite3* raw) {
    std::function<sql_result<std::optional<ports::view_row>>()> write;
    if (writes) write = [&] { return write_view(raw, key.name, request); };
    return write_or_read<view_reply>(write, [&] { return read_view(raw, key.name); });
  });
  reply.applied = reply.applied || (reply.outcome == store_outcome::done && !writes);
  return reply;
}

}  // namespace hedgerow::store::sqlite
