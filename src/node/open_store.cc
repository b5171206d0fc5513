#include "node/open_store.h"

#include "node/host.h"
#include "store/postgres/change_watch.h"
#include "store/postgres/postgres_connection.h"
#include "store/postgres/read_group.h"
#include "store/sqlite/change_watch.h"
#include "store/sqlite/read_group.h"
#include "store/sqlite/sqlite_connection.h"

namespace hedgerow {
namespace {

using store::postgres_location;
using store::sqlite_location;

// Followers need no connection: after this time without a statement it is given back.
constexpr milliseconds postgres_idle{60'000};

result<store::lanes::options> with_driver(const store::location& where, store_needs needs) {
  store::lanes::options how;
  how.views = needs.views;
  how.name = name_of(where);
  if (const auto* at = std::get_if<sqlite_location>(&where)) {
    how.connect = [file = at->file, epoch = std::move(needs.clock_epoch)] {
      return std::make_unique<store::sqlite::sqlite_connection>(file, epoch);
    };
    return how;
  }
  auto to = store::postgres::parse(std::get<postgres_location>(where).url);
  if (!to) return tl::unexpected(std::move(to).error());
  how.may_be_absent = true;
  how.open_patience = needs.open_patience;
  how.idle_after = postgres_idle;
  how.connect = [to = std::move(*to), needs = std::move(needs)] {
    return std::make_unique<store::postgres::postgres_connection>(
        store::postgres::postgres_connection::options{to, needs.clock_epoch, needs.warn});
  };
  return how;
}

}  // namespace

result<std::shared_ptr<store::lanes>> open_store(const store::location& where, store_needs needs) {
  auto how = with_driver(where, std::move(needs));
  if (!how) return tl::unexpected(std::move(how).error());
  return store::lanes::open(*how);
}

std::unique_ptr<store::change_watch> watch_store(const store::location& where,
                                                 std::function<void()> on_change) {
  if (const auto* at = std::get_if<sqlite_location>(&where))
    return store::sqlite::change_watch::open(at->file, std::move(on_change));
  const auto to = store::postgres::parse(std::get<postgres_location>(where).url);
  return to ? store::postgres::change_watch::open(*to, std::move(on_change)) : nullptr;
}

result<store::group_snapshot> read_rows(const store::location& where, std::string_view group,
                                        nanoseconds patience) {
  if (const auto* at = std::get_if<sqlite_location>(&where))
    return store::sqlite::read_group(at->file, group);
  const auto from = store::postgres::parse(std::get<postgres_location>(where).url);
  if (!from) return tl::unexpected(from.error());
  return or_refusal([&] { return store::postgres::read_group(*from, group, patience); });
}

std::string database_address(const store::location& where) {
  const auto* at = std::get_if<postgres_location>(&where);
  if (at == nullptr) return {};
  const auto to = store::postgres::parse(at->url);
  if (!to) return {};
  const auto& first = to->servers.front();
  const std::string& host = first.address.empty() ? first.host : first.address;
  if (host.empty() || host.front() == '/' || host.front() == '@') return {};
  const bool brackets = host.find(':') != host.npos;
  return (brackets ? "[" + host + "]" : host) + ":" + (first.port.empty() ? "5432" : first.port);
}

std::string name_of(const store::location& where) {
  if (const auto* at = std::get_if<sqlite_location>(&where)) return at->file.native();
  const auto to = store::postgres::parse(std::get<postgres_location>(where).url);
  return to ? to->name : "postgres";
}

}  // namespace hedgerow
