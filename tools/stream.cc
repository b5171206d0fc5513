// `hedgerow stream`: lines of stdin to the leader, or to all; what they say back to stdout.

#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/connect.h"
#include "tools/exit_codes.h"
#include "tools/json.h"
#include "tools/line_sink.h"
#include "tools/line_source.h"
#include "tools/logging.h"
#include "tools/output.h"
#include "tools/signals.h"
#include "tools/stream_feed.h"
#include "tools/stream_report.h"
#include "tools/text.h"

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds signal_poll{50};

std::vector<stream> handles(const std::vector<member_stream>& all) {
  std::vector<stream> some;
  for (const member_stream& one : all)
    some.push_back(one.stream);
  return some;
}

// All streams of the command, while they are open.
class session {
 public:
  session(std::vector<member_stream>& streams, const shared_options& shared,
          const stream_settings& mine, stop_signals& signals)
      : streams_{streams},
        as_json_{shared.json},
        to_all_{mine.all},
        signals_{signals},
        in_{STDIN_FILENO, mine.line_bytes_max},
        out_{STDOUT_FILENO},
        feed_{handles(streams), mine.buffer_bytes_max},
        open_{streams.size()} {}

  // Until all streams have ended. Returns the number of the signal that cancelled them, or 0.
  int run();
  // What went wrong here, which cancelled them all.
  std::optional<error> failure() const;

 private:
  void read_input();
  void print_replies(std::size_t index);
  result<void> print_reply(const member_stream& from, std::string_view message);
  void give_up(const error& why);
  void cancel_all(const std::string& reason);

  std::vector<member_stream>& streams_;
  const bool as_json_;
  const bool to_all_;
  stop_signals& signals_;
  line_source in_;
  line_sink out_;
  stream_feed feed_;
  std::atomic<std::size_t> open_;
  mutable std::mutex mutex_;
  std::optional<error> failure_;  // guarded by mutex_
};

std::optional<error> session::failure() const {
  const std::lock_guard lock{mutex_};
  return failure_;
}

void session::cancel_all(const std::string& reason) {
  for (member_stream& one : streams_)
    one.stream.cancel(reason);
}

void session::give_up(const error& why) {
  {
    const std::lock_guard lock{mutex_};
    if (!failure_) failure_ = why;
  }
  cancel_all(why.message());
}

void session::read_input() {
  for (;;) {
    auto line = in_.next();
    if (!line) return give_up(line.error());
    if (!*line) return feed_.finish();
    if (!feed_.put(std::move(**line))) return;
  }
}

result<void> session::print_reply(const member_stream& from, std::string_view message) {
  if (as_json_) {
    json object;
    put_text(object, "from", from.name.empty() ? from.stream.peer() : from.name);
    put_text(object, "reply", message);
    return out_.write(line_of(object));
  }
  if (!to_all_) return out_.write(message);
  return out_.write(fmt::format("{}\t{}", printable(from.name), message));
}

// A message is acknowledged when the next is read: once it is written.
void session::print_replies(std::size_t index) {
  member_stream& from = streams_[index];
  for (;;) {
    const auto message = from.stream.read();
    if (!message || !*message) break;
    if (const auto printed = print_reply(from, **message); !printed) {
      give_up(printed.error());
      break;
    }
  }
  from.stream.wait();
  feed_.drop(index);
  if (--open_ > 0) return;
  in_.interrupt();
  signals_.wake();
}

int session::run() {
  std::vector<std::thread> threads;
  bool told = false;
  try {
    threads.emplace_back([this] { read_input(); });
    for (std::size_t i = 0; i < streams_.size(); ++i)
      threads.emplace_back([this, i] { print_replies(i); });
    told = signals_.wait() == stop_signals::event::signal;
  } catch (const std::system_error& why) {
    give_up({why.code(), fmt::format("no thread for a stream: {}", why.what())});
    in_.interrupt();
  }
  if (told) {
    signals_.exit_on_next();
    cancel_all("interrupted by a signal");
    in_.interrupt();
    out_.interrupt();
  }
  for (std::thread& one : threads)
    one.join();
  return told ? signals_.number() : 0;
}

// As connect(), and a signal ends it, too.
result<std::unique_ptr<client>> connect_unless_told(const shared_options& shared,
                                                    const time_budget& budget,
                                                    stop_signals& signals, int& signal) {
  auto started = client::start(client_options_of(shared));
  if (!started) return started;
  for (;;) {
    const auto connected = (*started)->wait_until_connected(std::min(budget.left(), signal_poll));
    if (connected) return started;
    if (signals.wait(milliseconds{0}) == stop_signals::event::signal) {
      signal = signals.number();
      return fail(errc::not_executed, "interrupted by a signal; nothing was sent");
    }
    if (budget.left().count() == 0)
      return tl::unexpected(why_unreachable(shared, connected.error()));
  }
}

result<std::vector<member_stream>> open(client& from, const stream_settings& mine,
                                        milliseconds opening) {
  const stream_options how{.metadata = mine.metadata,
                           .opening = std::max(opening, milliseconds{1}),
                           .timeout = mine.deadline,
                           .idle_timeout = mine.idle_timeout};
  if (mine.all) {
    auto all = from.open_streams(how);
    if (all && all->empty()) return fail(errc::unreachable, "the group has no members yet");
    return all;
  }
  return from.open_stream(how).map([](stream&& one) {
    return std::vector<member_stream>{{{}, {}, std::move(one)}};
  });
}

int complain_unopened(const shared_options& shared, const error& why, int signal) {
  finish_logging();
  if (shared.json) std::ignore = print(line_of(send_json(tl::unexpected(why))) + "\n");
  const exit_code code = complain(why);
  if (signal != 0) return 128 + signal;
  return why.code == errc::invalid_argument ? exit_usage : code;
}

}  // namespace

int run_stream(const shared_options& shared, const stream_settings& mine) {
  stop_signals signals;
  int signal = 0;
  const time_budget budget{shared.timeout};
  const auto from = connect_unless_told(shared, budget, signals, signal);
  if (!from) return complain_unopened(shared, from.error(), signal);
  auto streams = open(**from, mine, budget.left());
  if (!streams) return complain_unopened(shared, streams.error(), 0);
  std::optional<error> failure;
  {
    session open_ones{*streams, shared, mine, signals};
    signal = open_ones.run();
    failure = open_ones.failure();
  }
  (*from)->stop();
  finish_logging();
  // As for every filter: who has read enough needs no words.
  if (failure && failure->code == std::errc::broken_pipe) return 128 + SIGPIPE;
  return report_streams(
      *streams, {.as_json = shared.json, .to_all = mine.all, .failure = failure, .signal = signal});
}

}  // namespace hedgerow::tools
