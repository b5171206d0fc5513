#include "store/sqlite/sqlite_connection.h"

#include <utility>

#include "store/patience.h"
#include "store/sqlite/rows.h"

namespace hedgerow::store::sqlite {
namespace {

using ports::lease_reply;
using ports::store_outcome;
using ports::view_reply;

template <class Reply>
Reply not_begun(std::string why) {
  return not_done<Reply>(sql_error{true, 0, std::move(why)});
}

// Executes on the file to which the path leads. A write that did not apply to a file, or to tables,
// that are no longer the store is tried again on those that are.
template <class Reply, class Execute>
Reply on_current_file(database& db, boot_time deadline, const Execute& execute) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (auto ready = db.ready(deadline); !ready) return not_begun<Reply>(ready.error().message());
    if (boot_now() >= deadline) return not_begun<Reply>("opening the store took too long");
    Reply reply = execute(db.handle());
    if (reply.outcome == store_outcome::done) reply.epoch = db.epoch();
    if (reply.outcome == store_outcome::unknown || reply.applied || !db.replaced().value_or(true))
      return reply;
  }
  return not_begun<Reply>("the store's file, or its tables, are being replaced all the time");
}

}  // namespace

lease_reply sqlite_connection::execute(const row_key& key, const ports::lease_request& request,
                                       boot_time deadline) {
  return on_current_file<lease_reply>(db_, deadline, [&](sqlite3* raw) {
    return write_or_read<lease_reply>(
        request, [&](const ports::lease_request& what) { return run_lease(raw, key, what); });
  });
}

view_reply sqlite_connection::execute(const row_key& key, const ports::view_request& request,
                                      boot_time deadline) {
  return on_current_file<view_reply>(db_, deadline, [&](sqlite3* raw) {
    return write_or_read<view_reply>(
        request, [&](const ports::view_request& what) { return run_view(raw, key, what); });
  });
}

}  // namespace hedgerow::store::sqlite
