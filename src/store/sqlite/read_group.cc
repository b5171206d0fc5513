#include "store/sqlite/read_group.h"

#include <memory>
#include <system_error>

#include <fmt/format.h>
#include <sqlite3.h>

#include "store/sqlite/rows.h"
#include "store/sqlite/schema.h"

namespace hedgerow::store::sqlite {
namespace {

constexpr int lock_wait_ms = 1000;

struct closer {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};

tl::unexpected<error> no_store(const std::filesystem::path& file) {
  return fail(errc::store_unavailable,
              fmt::format("no store at {}: no agent has run here yet; start one with `hedgerow "
                          "agent`",
                          file.native()));
}

}  // namespace

result<group_snapshot> read_group(const std::filesystem::path& file, std::string_view group) {
  std::error_code code;
  const auto real = std::filesystem::canonical(file, code);
  if (code == std::errc::no_such_file_or_directory) return no_store(file);
  if (code)
    return fail(errc::store_unavailable,
                fmt::format("cannot read the store {}: {}", file.native(), code.message()));

  // Not SQLITE_OPEN_READONLY: such a connection leaves its -wal and -shm files behind, possibly
  // with an owner whose files the agents cannot write.
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(real.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  const std::unique_ptr<sqlite3, closer> db(raw);
  if (opened != SQLITE_OK)
    return fail(errc::store_unavailable,
                explain(raw, sqlite3_extended_errcode(raw), real.native()));
  sqlite3_busy_timeout(raw, lock_wait_ms);

  const auto unavailable = [](const sql_error& e) { return fail(errc::store_unavailable, e.text); };
  if (auto begun = run_script(raw, "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; BEGIN");
      !begun)
    return unavailable(begun.error());
  const auto tables = check_schema(raw);
  if (!tables) return tl::unexpected(tables.error());
  if (!*tables) return no_store(file);
  const row_key key{row_kind::group, std::string(group)};
  group_snapshot snapshot;
  if (auto lease = run_lease(raw, key, {}))
    snapshot.lease = std::move(*lease);
  else
    return unavailable(lease.error());
  if (auto view = run_view(raw, key, {}))
    snapshot.view = std::move(*view);
  else
    return unavailable(view.error());
  return snapshot;
}

}  // namespace hedgerow::store::sqlite
