#include "tools/stream_report.h"

#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "tools/exit_codes.h"
#include "tools/json.h"
#include "tools/output.h"
#include "tools/text.h"

namespace hedgerow::tools {
namespace {

// Nothing leaves before the other side has taken the stream: then its token is known.
call_outcome outcome_of(const stream& ended, const error& why) {
  if (why.code == errc::handler_failed || why.code == errc::too_large) return call_outcome::replied;
  return ended.token() == 0 ? call_outcome::not_executed : call_outcome::unknown;
}

exit_code code_of(const stream& ended, const error& why) {
  switch (outcome_of(ended, why)) {
    case call_outcome::replied:
      return exit_failed;
    case call_outcome::unknown:
      return exit_unknown;
    case call_outcome::not_executed:
      break;
  }
  return exit_code_of(why) == exit_no_leader ? exit_no_leader : exit_not_executed;
}

// Unknown before not executed before failed, as broadcast has it.
int severity_of(exit_code code) {
  constexpr exit_code order[] = {exit_done, exit_failed, exit_no_leader, exit_not_executed,
                                 exit_unknown};
  return static_cast<int>(std::find(std::begin(order), std::end(order), code) - std::begin(order));
}

std::string member_of(const member_stream& one) {
  return one.name.empty() ? one.stream.peer() : one.name;
}

std::string consumed_of(const stream& ended, std::uint64_t acknowledged) {
  const auto written = ended.written();
  if (ended.token() == 0 || written == 0) return "no line was consumed";
  if (acknowledged == 0) return fmt::format("of {} lines none is consumed for certain", written);
  if (acknowledged == 1)
    return fmt::format("the first of {} lines is consumed for certain", written);
  return fmt::format("the first {} of {} lines are consumed for certain", acknowledged, written);
}

std::string words_of(const member_stream& one, const stream_end& end, bool to_all) {
  return fmt::format("{}{}; {}", to_all ? one.name + ": " : "", end.outcome.error().message(),
                     consumed_of(one.stream, end.acknowledged));
}

json one_json(const member_stream& one, const stream_end& end) {
  json object;
  put_text(object, "name", member_of(one));
  object["ok"] = end.outcome.has_value();
  if (end.outcome) {
    object["outcome"] = name_of(call_outcome::replied);
  } else {
    object["outcome"] = name_of(outcome_of(one.stream, end.outcome.error()));
    object["code"] = name_of(end.outcome.error().code);
    put_text(object, "error", end.outcome.error().message());
  }
  object["written"] = one.stream.written();
  object["acknowledged"] = end.acknowledged;
  return object;
}

// The last line of JSON. Returns the exit code when it could not be written.
int print_report(bool ok, json streams) {
  json object;
  object["ok"] = ok;
  object["streams"] = std::move(streams);
  const auto printed = print(line_of(object) + "\n");
  if (printed) return exit_done;
  // As for every filter: who has read enough needs no words.
  if (printed.error().code == std::errc::broken_pipe) return 128 + SIGPIPE;
  return complain(printed.error());
}

}  // namespace

int report_streams(const std::vector<member_stream>& all, const stream_circumstances& how) {
  exit_code worst = exit_done;
  json streams = json::array();
  for (const member_stream& one : all) {
    const stream_end end = one.stream.ended().value_or(stream_end{});
    streams.push_back(one_json(one, end));
    if (end.outcome) continue;
    complain({end.outcome.error().code, words_of(one, end, how.to_all)});
    const exit_code code = code_of(one.stream, end.outcome.error());
    if (severity_of(code) > severity_of(worst)) worst = code;
  }
  int printed = exit_done;
  if (how.as_json) printed = print_report(worst == exit_done && !how.failure, std::move(streams));
  if (how.signal != 0) return 128 + how.signal;
  // What became of the streams says more.
  if (!how.failure) return worst == exit_done ? printed : worst;
  // Its words are the streams' reason; unless they had ended by then.
  if (worst == exit_done) complain(*how.failure);
  return exit_failed;
}

}  // namespace hedgerow::tools
