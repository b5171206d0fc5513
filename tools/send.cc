#include <unistd.h>

#include "tools/commands.h"
#include "tools/connect.h"
#include "tools/exit_codes.h"
#include "tools/json.h"
#include "tools/logging.h"
#include "tools/output.h"
#include "tools/payload_input.h"

namespace hedgerow::tools {
namespace {

result<reply> send_within(const shared_options& shared, const std::string& payload) {
  const time_budget budget{shared.timeout};
  auto to = connect(shared, budget);
  if (!to) return tl::unexpected(std::move(to).error());
  return (*to)->send(payload, budget.left());
}

}  // namespace

int run_send(const shared_options& shared, const std::optional<std::string>& text) {
  const auto payload = read_payload(text, STDIN_FILENO, client_options{}.payload_bytes_max);
  if (!payload && payload.error().code == errc::invalid_argument) {
    complain(payload.error());
    return exit_usage;
  }
  const result<reply> outcome =
      payload ? send_within(shared, *payload) : tl::unexpected(payload.error());
  finish_logging();
  exit_code code = outcome ? exit_done : complain(outcome.error());
  result<void> printed;
  if (shared.json) {
    printed = print(line_of(send_json(outcome)) + "\n");
  } else if (outcome) {
    printed = print_payload(outcome->payload);
  }
  if (!printed && code == exit_done) code = complain(printed.error());
  return code;
}

}  // namespace hedgerow::tools
