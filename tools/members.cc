#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hedgerow/store.h>

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

using std::chrono::milliseconds;

// The node that is followed tells the view and the leader one after the other.
constexpr milliseconds leader_patience{300};

result<members_report> ask_agents(const shared_options& shared) {
  const time_budget budget{shared.timeout};
  const auto from = connect(shared, budget);
  if (!from) return tl::unexpected(from.error());
  if (!(*from)->leader().known())
    std::ignore = (*from)->wait_for_leader(std::min(leader_patience, budget.left()));
  return members_report{shared.group, (*from)->view(), (*from)->view_age(), (*from)->leader()};
}

result<members_report> ask_store(const shared_options& shared) {
  auto rows = read_group(shared.store, shared.group, shared.timeout);
  if (!rows) return tl::unexpected(std::move(rows).error());
  const bool leads = !rows->released && rows->lease_known && rows->holder.remaining.count() > 0;
  return members_report{shared.group, std::make_shared<const view>(std::move(rows->view)),
                        std::nullopt, leads ? std::move(rows->holder) : leader_info{}};
}

std::string words_of(const members_report& report) {
  std::vector<std::vector<std::string>> rows{
      {"NAME", "ADDRESS", "STATE", "LEADER", "ZONE", "TAGS", "INCARNATION"}};
  for (const member& m : report.current->members) {
    std::vector<std::string> tags;
    for (const auto& [key, value] : m.tags)
      tags.push_back(fmt::format("{}={}", printable(key), printable(value)));
    const bool healthy = m.health == member_health::alive;
    const bool leads = report.leader.known() && report.leader.incarnation == m.incarnation;
    rows.push_back({printable(m.name), printable(m.address),
                    std::string(healthy ? to_string(m.state) : to_string(m.health)),
                    leads ? "leader" : "", printable(m.zone),
                    fmt::format("{}", fmt::join(tags, ",")),
                    to_string(m.incarnation).substr(0, 8)});
  }
  std::string text = table(rows);
  const std::size_t count = report.current->members.size();
  text +=
      fmt::format("\n{} member{} in group {}, view {}.{}", count, count == 1 ? "" : "s",
                  printable(report.group), report.current->id.token, report.current->id.sequence);
  if (report.age) text += fmt::format(", unchanged for {}", rounded(*report.age));
  if (report.leader.known())
    text += fmt::format(", led by {} with token {}", printable(report.leader.name),
                        report.leader.token);
  return text + "\n";
}

}  // namespace

int run_members(const shared_options& shared, bool from_store) {
  const auto report = from_store ? ask_store(shared) : ask_agents(shared);
  finish_logging();
  if (!report) return complain(report.error());
  const auto printed = print(shared.json ? line_of(to_json(*report)) + "\n" : words_of(*report));
  return printed ? exit_done : complain(printed.error());
}

}  // namespace hedgerow::tools
