#include <thread>
#include <utility>

#include <hedgerow/clock.h>

#include "clock/open_clock.h"
#include "core/lease/options.h"
#include "net/event_loop.h"
#include "node/engine/clock_words.h"

namespace hedgerow {
namespace {

bool status_trusted(clock_status s) {
  return s == clock_status::synchronized || s == clock_status::free_running;
}

}  // namespace

result<clock_reading> read_clock(const std::string& clock, std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds look_again{2};
  auto opened = clock::open_clock(clock);
  if (!opened) return tl::unexpected(std::move(opened).error());
  ports::clock& from = **opened;
  const boot_time deadline = net::boot_now() + timeout;
  ports::precise_time now = from.precise();
  clock_reading r;
  r.text = from.trouble();
  // Without a reason it has become trusted between the two questions.
  while (!status_trusted(now.status) && (!now.settled || r.text.empty()) &&
         net::boot_now() < deadline) {
    std::this_thread::sleep_for(look_again);
    now = from.precise();
    r.text = from.trouble();
  }
  r.source = from.source();
  r.scale = from.scale();
  r.bounded = status_trusted(now.status);
  const microseconds limit = core::lease_options{}.max_error;
  const bool wide = r.bounded && 2 * now.bound > limit;
  r.status = engine::clock_status_name(now.status, wide);
  if (r.bounded) r.text = wide ? engine::too_wide_text(now.bound, limit) : std::string();
  if (!r.bounded && r.text.empty()) r.text = "the clock is not trusted";
  if (!r.bounded) return r;
  r.earliest = nanoseconds{now.earliest_ns};
  r.latest = nanoseconds{now.latest_ns};
  r.error_bound = now.bound;
  r.age = now.age;
  return r;
}

}  // namespace hedgerow
