#pragma once
// Between rows of the database and the values of ports/store.h, for every driver.
//
// A driver's `Statement` has bind(name, value) for integers, texts and booleans, where a name that
// the statement does not have is passed over; its `Row` has integer, text and boolean(column).

#include <optional>
#include <string>
#include <utility>

#include "ports/store.h"
#include "store/connection.h"
#include "store/members_json.h"

namespace hedgerow::store {

template <class Statement>
void bind_lease(Statement& to, const row_key& key, const ports::lease_request& request) {
  const ports::lease_row& row = request.row;
  to.bind(":grp", key.name)
      .bind(":holder", row.holder)
      .bind(":incarnation", to_string(row.incarnation))
      .bind(":address", row.address)
      .bind(":machine", row.machine)
      .bind(":token", row.token)
      .bind(":expires", row.expires.us)
      .bind(":lease", row.lease.count())
      .bind(":lease_max", row.lease_max.count())
      .bind(":safe", row.safe_after.us)
      .bind(":released", row.released)
      .bind(":epoch", row.epoch)
      .bind(":scale", row.scale)
      .bind(":version", row.version)
      .bind(":observed", request.observed)
      .bind(":earliest", request.earliest.us)
      .bind(":waited", request.waited);
}

template <class Row>
result<ports::lease_row> decode_lease(const Row& row) {
  ports::lease_row lease;
  const auto incarnation = parse_incarnation(row.text(1));
  if (!incarnation)
    return fail(errc::store_unavailable,
                "malformed row of a lease: incarnation is not 32 hexadecimal digits");
  lease.holder = row.text(0);
  lease.incarnation = *incarnation;
  lease.address = row.text(2);
  lease.machine = row.text(3);
  lease.token = row.integer(4);
  lease.expires = {row.integer(5)};
  lease.lease = microseconds(row.integer(6));
  lease.lease_max = microseconds(row.integer(7));
  lease.safe_after = {row.integer(8)};
  lease.released = row.boolean(9);
  lease.epoch = row.text(10);
  lease.scale = row.text(11);
  lease.version = row.integer(12);
  return lease;
}

template <class Statement>
void bind_view(Statement& to, const row_key& key, const ports::view_request& request) {
  const ports::view_row& row = request.row;
  to.bind(":grp", key.name)
      .bind(":token", row.id.token)
      .bind(":epoch", row.epoch)
      .bind(":sequence", static_cast<std::int64_t>(row.id.sequence))
      .bind(":seen_token", request.expected.token)
      .bind(":seen_sequence", static_cast<std::int64_t>(request.expected.sequence));
  if (request.action == ports::view_action::commit)
    to.bind(":members", members_to_json(row.members))
        .bind(":removed", removed_to_json(row.removed));
}

template <class Row>
result<ports::view_row> decode_view(const Row& row) {
  ports::view_row view;
  view.id.token = row.integer(0);
  view.id.sequence = static_cast<std::uint64_t>(row.integer(1));
  view.epoch = row.text(2);
  auto members = members_from_json(row.text(3));
  if (!members) return tl::unexpected(members.error());
  view.members = std::move(*members);
  auto removed = removed_from_json(row.text(4));
  if (!removed) return tl::unexpected(removed.error());
  view.removed = std::move(*removed);
  view.list_token = row.integer(5);
  return view;
}

// A statement that failed. `surely_not_done` is false for a write that may have been committed.
struct sql_error {
  bool surely_not_done = true;
  int code = 0;            // SQLite's extended code; 0 where it is not SQLite's
  std::string text;        // names the store, and says what to do where we know
  std::string sqlstate{};  // PostgreSQL's; empty where the server did not say
};

template <class T>
using sql_result = tl::expected<T, sql_error>;

template <class Reply>
Reply not_done(const sql_error& why) {
  Reply reply;
  reply.error = why.text;
  if (!why.surely_not_done) reply.outcome = ports::store_outcome::unknown;
  return reply;
}

// The reply of a read, or of a write and, if that did not apply, of the read after it. `run` gives
// sql_result<std::optional<row>> for a request.
template <class Reply, class Request, class Run>
Reply write_or_read(const Request& request, const Run& run) {
  const Request reading{};
  const bool writes = request.action != reading.action;
  Reply reply;
  auto row = run(request);
  if (row && writes && !*row) {
    row = run(reading);
  } else if (row) {
    reply.applied = true;
  }
  if (!row) return not_done<Reply>(row.error());
  reply.outcome = ports::store_outcome::done;
  reply.row = std::move(*row);
  return reply;
}

}  // namespace hedgerow::store
