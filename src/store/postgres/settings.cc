#include "store/postgres/settings.h"

#include <fmt/format.h>

namespace hedgerow::store::postgres {
namespace {

constexpr int oldest_version = 120000;

constexpr const char* question =
    "SELECT current_setting('synchronous_commit'), current_setting('fsync'),"
    " current_setting('full_page_writes'), CAST(current_setting('server_version_num') AS integer),"
    " pg_is_in_recovery(), current_setting('transaction_read_only'), quote_ident(current_user),"
    " current_setting('synchronous_standby_names')";

}  // namespace

result<std::vector<std::string>> check_settings(session& in, boot_time deadline) {
  const auto answer = in.run(statement(question), deadline);
  if (!answer) return fail(errc::store_unavailable, answer.error().text);
  const row is = answer->at(0);
  const auto refuse = [&in](const std::string& why) {
    return fail(errc::store_refused, fmt::format("the store {}: {}", in.name(), why));
  };
  if (is.integer(3) < oldest_version)
    return refuse("PostgreSQL 12 is the oldest that serves; upgrade the server");
  if (is.boolean(4) || is.text(5) == "on") {
    in.pass_over();
    return fail(
        errc::store_unavailable,
        fmt::format("the store {}: the server is a standby, or read-only; name the primary, "
                    "or all servers, in the URL",
                    in.name()));
  }
  if (is.text(0) == "off")
    return refuse(
        fmt::format("synchronous_commit is off: a crash of the server may lose a lease "
                    "that was acknowledged; ALTER ROLE {} SET synchronous_commit = on",
                    is.text(6)));
  if (is.text(1) != "on")
    return refuse(
        "fsync is off: a crash of the server's machine may lose or damage what was "
        "acknowledged; turn it on in postgresql.conf");
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& what) {
    warnings.push_back(fmt::format("the store {}: {}", in.name(), what));
  };
  if (is.text(2) != "on")
    warn(
        "full_page_writes is off: a crash of the server's machine may damage the tables; turn it "
        "on in postgresql.conf");
  if (!is.text(7).empty() && (is.text(0) == "local" || is.text(0) == "remote_write"))
    warn(
        fmt::format("synchronous_commit is {}: a standby may be promoted without the newest lease; "
                    "ALTER ROLE {} SET synchronous_commit = on",
                    is.text(0), is.text(6)));
  return warnings;
}

}  // namespace hedgerow::store::postgres
