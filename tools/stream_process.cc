#include "tools/stream_process.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/shell_process.h"

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Less than the half second for which a node that stops waits for its handlers.
constexpr milliseconds grace{250};
// The end of a stream is looked for this often where no call of it is blocked.
constexpr int end_poll_ms = 50;

using variables = std::vector<std::pair<std::string, std::string>>;

void add_metadata(variables& into, const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : metadata) {
    std::string name = "HEDGEROW_META_";
    bool plain = true;
    for (const char c : key) {
      const auto byte = static_cast<unsigned char>(c);
      plain = plain && byte < 128 && (std::isalnum(byte) != 0 || c == '_');
      name += static_cast<char>(std::toupper(byte));
    }
    const auto same = [&name](const auto& other) { return other.first == name; };
    if (plain && std::none_of(into.begin(), into.end(), same)) into.emplace_back(name, value);
  }
}

variables environment_of(const stream_command& what, const stream& with) {
  variables all{{"HEDGEROW_TOKEN", fmt::to_string(with.token())},
                {"HEDGEROW_FROM", with.peer()},
                {"HEDGEROW_GROUP", what.group},
                {"HEDGEROW_STREAM_KIND", what.kind}};
  if (const auto left = with.remaining(); left != std::chrono::nanoseconds::max()) {
    all.emplace_back("HEDGEROW_REMAINING_MS",
                     fmt::to_string(std::chrono::floor<milliseconds>(left).count()));
  }
  add_metadata(all, with.metadata());
  return all;
}

// The thread that carries messages into stdin outlives the handler by a moment: read() returns when
// the handler has. So what both use is shared.
struct link {
  descriptor in;    // the feeder's
  descriptor over;  // readable: the stream has ended
  descriptor done;  // readable: the handler has returned

  bool is_done(int patience_ms) const {
    pollfd fd{done.get(), POLLIN, 0};
    return poll(&fd, 1, patience_ms) > 0;
  }
};

// False if the command reads no more, or the stream or the handler has ended.
bool put(const link& to, const stream& from, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(to.in.get(), bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd fds[] = {{to.in.get(), POLLOUT, 0}, {to.done.get(), POLLIN, 0}};
      poll(fds, 2, end_poll_ms);
      if (fds[1].revents != 0 || from.ended()) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void feed(link& to, stream& from) {
  bool ended = false;
  for (bool reads = true; reads && !ended;) {
    auto message = from.read();
    ended = !message;
    if (ended || !*message) break;
    (*message)->push_back('\n');
    // What it does not want to read stays unread, and the opener is told so at the end.
    reads = put(to, from, **message);
  }
  to.in.reset();
  while (!ended && !to.is_done(end_poll_ms))
    ended = from.ended().has_value();
  eventfd_write(to.over.get(), 1);
}

// The handler's side.
class session {
 public:
  session(const stream_command& what, stream& with) : what_{what}, with_{with} {}
  ~session() { eventfd_write(link_->done.get(), 1); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  result<void> run();

 private:
  enum class ending { exited, over, too_long };

  result<void> start();
  ending pump();
  bool pass_lines(bool last);
  void let_end();
  void wait_until_consumed();

  const stream_command& what_;
  stream& with_;
  shell_process shell_;
  std::shared_ptr<link> link_ = std::make_shared<link>();
  std::string output_;  // what is left of it without a newline
  error_tail errors_;
};

result<void> session::start() {
  link_->over = descriptor{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  link_->done = descriptor{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!link_->over.open() || !link_->done.open()) return not_started("eventfd", errno);
  if (auto started = shell_.start({.command = what_.command,
                                   .environment = environment_of(what_, with_),
                                   .dies_with_thread = true});
      !started)
    return started;
  link_->in = std::move(shell_.in);
  try {
    std::thread{[to = link_, from = with_]() mutable { feed(*to, from); }}.detach();
  } catch (const std::system_error& e) {
    return not_started("a thread", e.code().value());
  }
  return {};
}

// Whole lines, and at the last the rest, too. False if the stream has ended.
bool session::pass_lines(bool last) {
  std::size_t begin = 0;
  for (;;) {
    const auto newline = output_.find('\n', begin);
    if (newline == output_.npos) break;
    if (!with_.write(std::string_view(output_).substr(begin, newline - begin))) return false;
    begin = newline + 1;
  }
  output_.erase(0, begin);
  return !last || output_.empty() || with_.write(output_).has_value();
}

// A child of the shell that keeps stdout open delays nothing: after the exit only what is there
// already is taken.
session::ending session::pump() {
  for (;;) {
    const bool last = shell_.exited();
    pollfd fds[] = {{shell_.out.get(), POLLIN, 0},
                    {shell_.err.get(), POLLIN, 0},
                    {link_->over.get(), POLLIN, 0},
                    {shell_.pidfd.get(), POLLIN, 0}};
    poll(fds, 4, last ? 0 : shell_.pidfd.open() ? -1 : exit_poll_ms);
    if (fds[2].revents != 0) return ending::over;
    if (shell_.err.open() && fds[1].revents != 0) errors_.take(shell_.err);
    if (shell_.out.open() && fds[0].revents != 0) take_available(shell_.out, output_);
    const bool at_end = last && fds[0].revents == 0 && fds[1].revents == 0;
    // Of what is one line; the reads are short of a limit's length.
    if (output_.find('\n') == output_.npos && output_.size() > what_.line_bytes_max)
      return ending::too_long;
    if (!pass_lines(at_end)) return with_.ended() ? ending::over : ending::too_long;
    if (at_end) return ending::exited;
  }
}

// Until the group is gone, as far as its pipes tell, or the grace is over.
void session::let_end() {
  shell_.signal_group(SIGTERM);
  const auto until = steady_clock::now() + grace;
  for (;;) {
    const bool gone = shell_.exited() && !shell_.out.open() && !shell_.err.open();
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
    if (gone || left <= 0) return;
    const bool watch_exit = shell_.pidfd.open() && !shell_.exited();
    pollfd fds[] = {{shell_.out.get(), POLLIN, 0},
                    {shell_.err.get(), POLLIN, 0},
                    {watch_exit ? shell_.pidfd.get() : -1, POLLIN, 0}};
    poll(fds, 3, shell_.pidfd.open() ? static_cast<int>(left) : exit_poll_ms);
    if (fds[0].revents != 0) take_available(shell_.out, output_);
    if (fds[1].revents != 0) errors_.take(shell_.err);
    output_.clear();
  }
}

// An error overtakes what is on its way.
void session::wait_until_consumed() {
  while (!with_.ended() && with_.acknowledged() < with_.written()) {
    pollfd fd{link_->over.get(), POLLIN, 0};
    if (poll(&fd, 1, exit_poll_ms) > 0) return;
  }
}

result<void> session::run() {
  if (auto started = start(); !started) return started;
  const ending how = pump();
  if (how != ending::exited) let_end();
  const int status = shell_.end();
  if (how == ending::over) return fail(errc::handler_failed, "killed: the stream has ended");
  if (how == ending::exited && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  wait_until_consumed();
  if (how == ending::exited) return tl::unexpected(errors_.why(status));
  return fail(errc::handler_failed,
              fmt::format("killed: it wrote a line of more than {} bytes", what_.line_bytes_max));
}

}  // namespace

result<void> run_stream_command(const stream_command& what, stream& with) {
  return session{what, with}.run();
}

}  // namespace hedgerow::tools
