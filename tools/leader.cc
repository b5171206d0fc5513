#include <fmt/format.h>

#include "tools/commands.h"
#include "tools/connect.h"
#include "tools/durations.h"
#include "tools/exit_codes.h"
#include "tools/json.h"
#include "tools/logging.h"
#include "tools/output.h"
#include "tools/text.h"

namespace hedgerow::tools {
namespace {

result<leader_info> ask(const shared_options& shared) {
  const time_budget budget{shared.timeout};
  const auto from = connect(shared, budget);
  if (!from) return tl::unexpected(from.error());
  return (*from)->wait_for_leader(budget.left());
}

}  // namespace

int run_leader(const shared_options& shared) {
  const auto found = ask(shared);
  finish_logging();
  if (!found) return complain(found.error());
  const auto printed =
      print(shared.json
                ? line_of(to_json(*found)) + "\n"
                : fmt::format("{} at {}, token {}, lease for another {}\n", printable(found->name),
                              printable(found->address), found->token, rounded(found->remaining)));
  return printed ? exit_done : complain(printed.error());
}

}  // namespace hedgerow::tools
