#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/connect.h"
#include "tools/durations.h"
#include "tools/events.h"
#include "tools/exit_codes.h"
#include "tools/line_writer.h"
#include "tools/logging.h"
#include "tools/signals.h"

namespace hedgerow::tools {
namespace {

// Begins with the present state: a view of which all members count as added, then the leader.
// Confined to the client's loop thread.
class watcher {
 public:
  explicit watcher(event_printer& events) : events_{events} {}

  void on_view(const view_change& change) {
    if (seen_view_) {
      events_.view(change);
      return;
    }
    seen_view_ = true;
    if (leader_) events_.expect_leader(*leader_);
    events_.view({change.current, change.current->members, {}});
    if (leader_) events_.leader(*leader_);
  }

  void on_leader(const leader_info& who) {
    leader_ = who;
    if (seen_view_) events_.leader(who);
  }

 private:
  event_printer& events_;
  bool seen_view_ = false;
  std::optional<leader_info> leader_;
};

// A reader that is gone has seen enough; anything else has kept lines from one that has not.
exit_code code_of(const std::error_code& broken) {
  if (!broken || broken == std::errc::broken_pipe) return exit_done;
  return complain({broken, "stdout could not be written: " + broken.message()});
}

}  // namespace

int run_watch(const shared_options& shared) {
  stop_signals signals;
  // A reader that has seen enough (`hedgerow watch | head -3`) ends it like a signal; a full disk,
  // too.
  line_writer out{STDOUT_FILENO, [&signals] { signals.wake(); }};
  event_printer events{out, shared.json, true};
  watcher watching{events};
  client_options with = client_options_of(shared);
  with.on_view = [&watching](const view_change& change) { watching.on_view(change); };
  with.on_leader = [&watching](const leader_info& who) { watching.on_leader(who); };
  const auto from = client::start(std::move(with));
  if (!from) return complain(from.error());
  if (signals.wait(shared.timeout) == stop_signals::event::timeout) {
    if (const auto connected = (*from)->wait_until_connected({}); !connected)
      remark(error(errc::unreachable, why_unreachable(shared, connected.error()).message() +
                                          "; still trying, Ctrl-C ends it"));
    signals.wait();
  }
  signals.exit_on_next();
  (*from)->stop();
  out.drain(std::chrono::milliseconds{500});
  finish_logging();
  return code_of(out.broken());
}

}  // namespace hedgerow::tools
