#include "node/open_store.h"

#include "store/sqlite/change_watch.h"
#include "store/sqlite/read_group.h"
#include "store/sqlite/sqlite_connection.h"

namespace hedgerow {
namespace {

using store::postgres_location;
using store::sqlite_location;

tl::unexpected<error> no_postgres() {
  return fail(errc::not_supported, "PostgreSQL is not supported by this build");
}

}  // namespace

result<std::shared_ptr<store::lanes>> open_store(const store::location& where, store_needs needs) {
  store::lanes::options how;
  how.views = needs.views;
  if (const auto* at = std::get_if<sqlite_location>(&where)) {
    how.name = at->file.native();
    how.connect = [file = at->file, epoch = needs.clock_epoch] {
      return std::make_unique<store::sqlite::sqlite_connection>(file, epoch);
    };
    return store::lanes::open(std::move(how));
  }
  return no_postgres();
}

std::unique_ptr<store::change_watch> watch_store(const store::location& where,
                                                 std::function<void()> on_change) {
  if (const auto* at = std::get_if<sqlite_location>(&where))
    return store::sqlite::change_watch::open(at->file, std::move(on_change));
  return nullptr;
}

result<store::group_snapshot> read_rows(const store::location& where, std::string_view group) {
  if (const auto* at = std::get_if<sqlite_location>(&where))
    return store::sqlite::read_group(at->file, group);
  return no_postgres();
}

std::string name_of(const store::location& where) {
  const auto* at = std::get_if<sqlite_location>(&where);
  return at != nullptr ? at->file.native() : "postgres";
}

}  // namespace hedgerow
