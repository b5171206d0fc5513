#include <algorithm>

#include <fmt/format.h>
#include <hedgerow/clock.h>

#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/json.h"
#include "tools/logging.h"
#include "tools/output.h"
#include "tools/text.h"

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Within which a source on this machine has answered, if it answers at all.
constexpr milliseconds patience{1'000};

json to_json(const clock_reading& r) {
  json object;
  object["source"] = r.source;
  object["status"] = r.status;
  const auto put = [&](const char* field, std::int64_t value) {
    object[field] = r.bounded ? json(value) : json(nullptr);
  };
  put("earliest_ns", r.earliest.count());
  put("latest_ns", r.latest.count());
  put("error_bound_ns", r.error_bound.count());
  put("age_ms", std::chrono::floor<milliseconds>(r.age).count());
  object["scale"] = r.scale;
  if (!r.trusted()) put_text(object, "text", r.text);
  return object;
}

std::string words_of(const clock_reading& r) {
  if (!r.bounded) return fmt::format("{}: {}\n", r.source, r.status);
  const auto middle = r.earliest + r.error_bound;
  const std::string now =
      r.scale == "utc"
          ? utc_time(std::chrono::system_clock::time_point{
                std::chrono::duration_cast<std::chrono::system_clock::duration>(middle)})
          : fmt::format("{:.3f} s after boot", static_cast<double>(middle.count()) / 1e9);
  return fmt::format("{}: {}, {}, wrong by at most {:.3f} us, measured {} ms ago\n", r.source,
                     r.status, now, static_cast<double>(r.error_bound.count()) / 1e3,
                     std::chrono::floor<milliseconds>(r.age).count());
}

}  // namespace

int run_clock(const shared_options& shared, const std::string& clock) {
  const auto found = read_clock(clock, std::min(shared.timeout, patience));
  finish_logging();
  if (!found) return complain(found.error());
  const auto printed = print(shared.json ? line_of(to_json(*found)) + "\n" : words_of(*found));
  if (!printed) return complain(printed.error());
  return found->trusted() ? exit_done : complain(error(errc::clock_untrusted, found->text));
}

}  // namespace hedgerow::tools
