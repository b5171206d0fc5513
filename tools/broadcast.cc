#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/connect.h"
#include "tools/exit_codes.h"
#include "tools/json.h"
#include "tools/logging.h"
#include "tools/output.h"
#include "tools/payload_input.h"
#include "tools/text.h"

namespace hedgerow::tools {
namespace {

result<std::vector<member_reply>> broadcast_within(const shared_options& shared,
                                                   const std::string& payload) {
  const time_budget budget{shared.timeout};
  auto to = connect(shared, budget);
  if (!to) return tl::unexpected(std::move(to).error());
  return (*to)->broadcast(payload, {.timeout = budget.left()});
}

bool any(const std::vector<member_reply>& replies, call_outcome outcome) {
  return std::any_of(replies.begin(), replies.end(), [outcome](const member_reply& r) {
    return !r.answer && r.answer.error().outcome() == outcome;
  });
}

// A handler's error is an answer: it was executed, so it is neither 4 nor 5.
exit_code code_of(const std::vector<member_reply>& replies) {
  if (any(replies, call_outcome::unknown)) return exit_unknown;
  if (any(replies, call_outcome::not_executed)) return exit_not_executed;
  return any(replies, call_outcome::replied) ? exit_failed : exit_done;
}

std::string words_of(const std::vector<member_reply>& replies) {
  std::vector<std::vector<std::string>> rows{{"NAME", "OUTCOME", "REPLY"}};
  for (const member_reply& r : replies) {
    const bool ok = r.answer.has_value();
    std::string outcome = "ok";
    if (!ok)
      outcome = r.answer.error().code == errc::handler_failed
                    ? "failed"
                    : std::string(name_of(r.answer.error().outcome()));
    rows.push_back(
        {printable(r.name), outcome, printable(ok ? *r.answer : r.answer.error().message())});
  }
  return table(rows);
}

}  // namespace

int run_broadcast(const shared_options& shared, const std::optional<std::string>& text) {
  const auto payload = read_payload(text, STDIN_FILENO, client_options{}.payload_bytes_max);
  if (!payload) {
    const exit_code code = complain(payload.error());
    return payload.error().code == errc::invalid_argument ? exit_usage : code;
  }
  const auto replies = broadcast_within(shared, *payload);
  finish_logging();
  if (!replies) return complain(replies.error());
  if (auto printed =
          print(shared.json ? line_of(broadcast_json(*replies)) + "\n" : words_of(*replies));
      !printed)
    return complain(printed.error());
  const exit_code code = code_of(*replies);
  if (code != exit_done) {
    const auto good = std::count_if(replies->begin(), replies->end(),
                                    [](const member_reply& r) { return r.answer.has_value(); });
    complain(
        error(errc::not_executed, fmt::format("{} of {} members replied", good, replies->size())));
  }
  return code;
}

}  // namespace hedgerow::tools
