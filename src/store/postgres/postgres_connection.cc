#include "store/postgres/postgres_connection.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>

#include "base/assert.h"
#include "store/patience.h"
#include "store/postgres/change_watch.h"
#include "store/postgres/failures.h"
#include "store/postgres/schema.h"
#include "store/postgres/settings.h"
#include "store/statements.h"

namespace hedgerow::store::postgres {
namespace {

using ports::lease_action;
using ports::lease_reply;
using ports::view_action;
using ports::view_reply;

constexpr nanoseconds backoff_first = milliseconds(50);
constexpr nanoseconds backoff_max = seconds(1);
// Of each server. A connect takes some ten round trips, a statement one.
constexpr nanoseconds connect_patience_max = seconds(3);
constexpr int lease_fields = 13;
constexpr int view_fields = 6;

void replace_all(std::string& text, std::string_view word, std::string_view by) {
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
}

constexpr std::string_view timeline = "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)";

// Evaluated by each statement anew: a pooler may send any of them to another server. NULL, of which
// no condition holds, on a timeline without a nonce.
std::string epoch_of(std::string_view table) {
  return fmt::format(
      "(CAST(:clock AS text) || 'pg:' ||"
      " (SELECT CAST(system_identifier AS text) FROM pg_control_system()) || ':' ||"
      " (SELECT timeline || ':' || nonce FROM hedgerow_timeline"
      " WHERE timeline = {}) || ':' ||"
      " (SELECT CAST(oid AS text) FROM pg_database WHERE datname = current_database()) || ':' ||"
      " CAST(CAST(CAST('{}' AS regclass) AS oid) AS text))",
      timeline, table);
}

std::string_view table_of(row_kind kind) {
  return kind == row_kind::group ? "hedgerow_lease" : "hedgerow_lock";
}

// Adds the epoch as the last field of the answer; of a read also where there is no row.
void tell_epoch(std::string& sql, std::string_view table, const std::string& epoch, bool read) {
  if (read) {
    replace_all(sql, fmt::format("FROM {} WHERE", table),
                fmt::format(", {} FROM (SELECT 1) AS one LEFT JOIN {} ON", epoch, table));
  } else {
    sql += ", " + epoch;
  }
}

}  // namespace

postgres_connection::postgres_connection(options with)
    : with_(std::move(with)), session_(with_.to) {
  if (!with_.clock_epoch.empty()) with_.clock_epoch += "/";
}

result<void> postgres_connection::ready(boot_time deadline) {
  if (session_.alive()) return {};
  const boot_time now = boot_now();
  if (now < not_before_) return tl::unexpected(last_failure_);
  auto connected = connect(deadline);
  if (connected) {
    failures_ = 0;
    return {};
  }
  late_ = session_.late() ? late_ + 1 : std::max(0, late_ - 1);
  session_.close();
  last_failure_ = connected.error();
  not_before_ = boot_now() + std::min(backoff_max, backoff_first * (1 << std::min(failures_, 5)));
  ++failures_;
  return connected;
}

// A server that does not answer is left soon, for the sake of others; for one that does and is far,
// twice as long after each connect that was too late.
boot_time postgres_connection::longer(boot_time deadline) const {
  const nanoseconds most = connect_patience_max * static_cast<std::int64_t>(session_.servers());
  const boot_time now = boot_now();
  if (deadline - now >= most) return deadline;
  return now + std::min<nanoseconds>((deadline - now) * (1 << std::min(late_, 10)), most);
}

result<void> postgres_connection::connect(boot_time deadline) {
  if (auto connected = session_.connect(deadline); !connected) return connected;
  const auto warnings = check_settings(session_, deadline);
  if (!warnings) return tl::unexpected(warnings.error());
  for (const std::string& text : *warnings) {
    if (warned_of_.insert(text).second && with_.warn) with_.warn(text);
  }
  return ensure_tables(session_, deadline);
}

// A serialization failure is repeated: conditions that were taken from older readings only get more
// careful with age.
sql_result<rows> postgres_connection::run(const statement& what, bool writes, boot_time deadline) {
  for (;;) {
    if (auto usable = ready(longer(deadline)); !usable)
      return tl::unexpected(sql_error{true, 0, usable.error().message()});
    if (boot_now() >= deadline)
      return tl::unexpected(sql_error{
          true, 0, fmt::format("the store {}: connecting took too long", session_.name())});
    auto answer = session_.run(what, deadline);
    if (answer) return answer;
    if (is_transient(answer.error().sqlstate) && boot_now() < deadline) continue;
    if (!writes) answer.error().surely_not_done = true;
    return answer;
  }
}

template <class Row, class Decode>
sql_result<std::optional<Row>> postgres_connection::fetch(statement made, bool writes, int fields,
                                                          std::string& epoch, boot_time deadline,
                                                          const Decode& decode) {
  made.bind(":clock", with_.clock_epoch);
  const auto answer = run(made, writes, deadline);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->count() == 0) return std::nullopt;
  const row found = answer->at(0);
  epoch = found.text(fields);
  if (found.null(0)) return std::nullopt;
  auto decoded = decode(found);
  if (!decoded)
    return tl::unexpected(sql_error{
        !writes, 0, fmt::format("the store {}: {}", session_.name(), decoded.error().message())});
  return std::move(*decoded);
}

// The first nonce that is committed stays.
sql_result<void> postgres_connection::name_timeline(boot_time deadline) {
  std::array<std::uint64_t, 2> random{};
  HEDGEROW_ASSERT(getrandom(random.data(), sizeof random, 0) ==
                  static_cast<ssize_t>(sizeof random));
  statement insert(
      fmt::format("INSERT INTO hedgerow_timeline(timeline, nonce)"
                  " SELECT {}, :nonce ON CONFLICT(timeline) DO NOTHING",
                  timeline));
  insert.bind(":nonce", fmt::format("{:016x}{:016x}", random[0], random[1]));
  const auto answer = run(insert, true, deadline);
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

// On a timeline without a nonce nothing was written, whatever became of giving it one.
template <class Reply, class Request, class Once>
Reply postgres_connection::execute_on_timeline(const Request& request, const std::string& epoch,
                                               boot_time deadline, const Once& once) {
  const auto unnamed = [&epoch](const Reply& reply) {
    return reply.outcome == ports::store_outcome::done && epoch.empty();
  };
  auto reply = write_or_read<Reply>(request, once);
  if (unnamed(reply)) {
    if (const auto named = name_timeline(deadline); !named) {
      reply = {};
      reply.error = named.error().text;
      return reply;
    }
    reply = write_or_read<Reply>(request, once);
  }
  if (unnamed(reply)) {
    reply = {};
    reply.error = fmt::format("the store {}: its timeline changes", session_.name());
  } else if (reply.outcome == ports::store_outcome::done) {
    reply.epoch = epoch;
  }
  return reply;
}

std::string postgres_connection::lease_statement(lease_action action, row_kind kind) const {
  const std::string epoch = epoch_of(table_of(kind));
  std::string sql = lease_sql(action, kind);
  tell_epoch(sql, table_of(kind), epoch, action == lease_action::read);
  // In the same transaction: waiters look when the release is there to be seen.
  if (action == lease_action::release && kind == row_kind::lock)
    sql += fmt::format(", pg_notify('{}', grp)", lock_channel);
  replace_all(sql, "store_epoch()", epoch);
  return sql;
}

lease_reply postgres_connection::execute(const row_key& key, const ports::lease_request& request,
                                         boot_time deadline) {
  std::string epoch;
  const auto once =
      [&](const ports::lease_request& what) -> sql_result<std::optional<ports::lease_row>> {
    const bool writes = what.action != lease_action::read;
    statement made(lease_statement(what.action, key.kind));
    bind_lease(made, key, what);
    return fetch<ports::lease_row>(std::move(made), writes, lease_fields, epoch, deadline,
                                   [](const row& found) { return decode_lease(found); });
  };
  return execute_on_timeline<lease_reply>(request, epoch, deadline, once);
}

view_reply postgres_connection::execute(const row_key& key, const ports::view_request& request,
                                        boot_time deadline) {
  const std::string told = epoch_of(table_of(row_kind::group));
  std::string epoch;
  const auto once =
      [&](const ports::view_request& what) -> sql_result<std::optional<ports::view_row>> {
    const bool writes = what.action != view_action::read;
    std::string sql = view_sql(what.action);
    tell_epoch(sql, "hedgerow_view", told, !writes);
    replace_all(sql, "store_epoch()", told);
    statement made(sql);
    bind_view(made, key, what);
    return fetch<ports::view_row>(std::move(made), writes, view_fields, epoch, deadline,
                                  [](const row& found) { return decode_view(found); });
  };
  return execute_on_timeline<view_reply>(request, epoch, deadline, once);
}

}  // namespace hedgerow::store::postgres
