#include <algorithm>
#include <chrono>
#include <climits>
#include <mutex>
#include <optional>

#include <fmt/format.h>
#include <hedgerow/node.h>
#include <unistd.h>

#include "tools/child_process.h"
#include "tools/commands.h"
#include "tools/connect.h"
#include "tools/durations.h"
#include "tools/events.h"
#include "tools/exit_codes.h"
#include "tools/line_writer.h"
#include "tools/logging.h"
#include "tools/signals.h"
#include "tools/stream_process.h"

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

handler shell_handler(std::string command, std::string group, std::size_t reply_bytes_max) {
  return handler::on_pool([command = std::move(command), group = std::move(group),
                           reply_bytes_max](const message_view& message) {
    const auto remaining = std::chrono::floor<milliseconds>(message.remaining);
    return run_shell_command({
        .command = command,
        .input = message.payload,
        .environment = {{"HEDGEROW_TOKEN", fmt::to_string(message.token)},
                        {"HEDGEROW_FROM", std::string(message.from)},
                        {"HEDGEROW_GROUP", group},
                        {"HEDGEROW_REMAINING_MS", fmt::to_string(remaining.count())}},
        .time_left = message.until_deadline,
        .stop = message.stop,
        .output_bytes_max = reply_bytes_max,
    });
  });
}

handler echo_handler(std::string name) {
  return handler::non_blocking([name = std::move(name)](const message_view& message) {
    return result<std::string>(fmt::format("{}: {}", name, message.payload));
  });
}

result<void> echo(const std::string& name, stream& s) {
  for (;;) {
    const auto line = s.read();
    if (!line) return tl::unexpected(line.error());
    if (!*line) return {};
    if (auto said = s.write(fmt::format("{}: {}", name, **line)); !said) return said;
  }
}

// On threads, also to echo: who does not read the echo then holds up its own stream.
stream_handler stream_handler_of(const options& with, const std::string& command,
                                 const std::string& kind) {
  if (command.empty())
    return stream_handler::on_thread([name = with.name](stream& s) { return echo(name, s); });
  return stream_handler::on_thread(
      [what = stream_command{command, with.group, kind, with.payload_bytes_max}](stream& s) {
        return run_stream_command(what, s);
      });
}

// What ended the agent before any signal.
class failure {
 public:
  void set(const error& why) {
    const std::lock_guard lock{mutex_};
    if (!why_) why_ = why;
  }
  std::optional<error> get() const {
    const std::lock_guard lock{mutex_};
    return why_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<error> why_;
};

options node_options(const shared_options& shared, const agent_settings& mine) {
  options with;
  with.group = shared.group;
  with.name = mine.name ? *mine.name : host_name();
  with.store = shared.store;
  with.clock = mine.clock;
  with.listen = mine.listen;
  with.advertise = mine.advertise;
  with.security = shared.security;
  with.insecure = shared.insecure;
  with.lease = shared.lease;
  with.zone = mine.zone;
  with.tags = mine.tags;
  with.handler_threads = mine.handlers;
  log_setup log = start_logging(shared.log_level);
  with.log = std::move(log.sink);
  with.log_level = log.level;
  const auto handler_of = [&with](const std::string& command) {
    return command.empty() ? echo_handler(with.name)
                           : shell_handler(command, with.group, with.payload_bytes_max);
  };
  with.on_message = handler_of(mine.on_send);
  with.on_broadcast = handler_of(mine.on_broadcast);
  with.stream_threads = mine.stream_handlers;
  with.on_stream = stream_handler_of(with, mine.on_stream, "leader");
  with.on_broadcast_stream = stream_handler_of(with, mine.on_broadcast_stream, "all");
  return with;
}

void tell(options& with, event_printer& events) {
  with.on_view = [&events](const view_change& change) { events.view(change); };
  with.on_leadership = [&events](const leadership& mine) { events.leadership(mine); };
  with.on_leader = [&events](const leader_info& who) { events.leader(who); };
  with.on_member = [&events](const member& self) { events.ready(self); };
  with.on_evicted = [&events](removal_reason reason) { events.evicted(reason); };
  with.on_store = [&events](bool available, const std::string& text) {
    events.store(available, text);
  };
  with.on_clock = [&events](const std::string& source, const std::string& status,
                            const std::string& text) { events.clock(source, status, text); };
  with.on_waiting = [&events](milliseconds how_long, const std::string& why) {
    events.waiting(how_long, why);
  };
}

// The next event that ends an agent, or none within the patience.
stop_signals::event wait_serving(stop_signals& signals, node& running, milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    milliseconds left = patience;
    if (patience >= milliseconds{0})
      left = std::max(milliseconds{0},
                      std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now()));
    const auto what = signals.wait(left);
    if (what != stop_signals::event::reload) return what;
    // What was read before stays in use.
    if (const auto done = running.reload_security(); !done) remark(done.error());
  }
}

// Until a signal or a failure; says so once if membership takes longer than the user expected.
void run_until_told(stop_signals& signals, node& running, milliseconds patience,
                    const time_budget& budget) {
  if (wait_serving(signals, running, budget.left()) != stop_signals::event::timeout) return;
  if (const auto member = running.wait_until_member(milliseconds{0});
      !member && member.error().code == errc::not_executed)
    remark(error(errc::not_executed,
                 fmt::format("not a member after {}; still trying", to_string(patience))));
  wait_serving(signals, running, milliseconds{-1});
}

}  // namespace

int run_agent(const shared_options& shared, const agent_settings& mine) {
  if (mine.name && mine.name->empty()) {
    complain(error(errc::invalid_argument, "the name is empty; give --name at least one byte"));
    return exit_failed;
  }
  // Of the agent of a terminal that is closed, a hang-up is the end, as ever.
  stop_signals signals{shared.security.wanted() ? stop_signals::hangup::reloads
                                                : stop_signals::hangup::ends};
  line_writer out{STDOUT_FILENO};
  event_printer events{out, shared.json, false};
  failure failed;
  options with = node_options(shared, mine);
  tell(with, events);
  with.on_failed = [&](const error& why) {
    failed.set(why);
    signals.wake();
  };
  const time_budget budget{shared.timeout};
  with.open_timeout = std::min(with.open_timeout, shared.timeout);
  const auto running = node::start(std::move(with));
  if (!running) {
    finish_logging();
    complain(running.error());
    return exit_failed;
  }
  run_until_told(signals, **running, shared.timeout, budget);
  signals.exit_on_next();
  (*running)->stop();
  out.drain(milliseconds{500});
  finish_logging();
  if (const auto why = failed.get()) {
    complain(*why);
    return exit_failed;
  }
  return exit_done;
}

}  // namespace hedgerow::tools
