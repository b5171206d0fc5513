#include "tools/child_process.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/shell_process.h"

namespace hedgerow::tools {
namespace {

using std::chrono::steady_clock;

tl::unexpected<error> failed(std::string text) {
  return fail(errc::handler_failed, std::move(text));
}

// One message's command.
class running_shell {
 public:
  result<void> start(const shell_command& what) {
    return shell_.start({.command = what.command, .environment = what.environment});
  }
  result<std::string> finish(const shell_command& what);

 private:
  enum class ending { exited, too_much, deadline, stopped };

  ending pump(const shell_command& what, int stop_fd, steady_clock::time_point deadline);
  void feed(std::string_view& input);

  shell_process shell_;
  std::string output_;
  error_tail errors_;
};

void running_shell::feed(std::string_view& input) {
  while (!input.empty()) {
    const ssize_t n = write(shell_.in.get(), input.data(), input.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) break;  // it does not want to read the rest
    input.remove_prefix(static_cast<std::size_t>(n));
  }
  shell_.in.reset();
}

// Moves bytes until the shell has exited and what it wrote is read. A child of the shell that keeps
// stdout open delays nothing: after the exit only what is there already is taken.
running_shell::ending running_shell::pump(const shell_command& what, int stop_fd,
                                          steady_clock::time_point deadline) {
  std::string_view input = what.input;
  if (input.empty()) shell_.in.reset();
  for (;;) {
    const bool last = shell_.exited();
    auto wait = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (what.stop.stop_requested()) return ending::stopped;
    if (!last && wait.count() <= 0) return ending::deadline;
    wait = std::min(wait, std::chrono::milliseconds{shell_.pidfd.open() ? 60'000 : exit_poll_ms});
    pollfd fds[] = {{shell_.in.get(), POLLOUT, 0},
                    {shell_.out.get(), POLLIN, 0},
                    {shell_.err.get(), POLLIN, 0},
                    {stop_fd, POLLIN, 0},
                    {shell_.pidfd.get(), POLLIN, 0}};
    poll(fds, 5, last ? 0 : static_cast<int>(wait.count()));
    if (shell_.in.open() && fds[0].revents != 0) feed(input);
    if (shell_.out.open() && fds[1].revents != 0) take_available(shell_.out, output_);
    if (shell_.err.open() && fds[2].revents != 0) errors_.take(shell_.err);
    if (output_.size() > what.output_bytes_max) return ending::too_much;
    if (last && fds[1].revents == 0 && fds[2].revents == 0) return ending::exited;
  }
}

result<std::string> running_shell::finish(const shell_command& what) {
  const descriptor stop_fd{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!stop_fd.open()) return not_started("eventfd", errno);
  const std::stop_callback on_stop{what.stop, [&stop_fd] { eventfd_write(stop_fd.get(), 1); }};
  const ending how = pump(what, stop_fd.get(), steady_clock::now() + what.time_left);
  const int status = shell_.end();
  switch (how) {
    case ending::deadline:
      return failed("killed: the deadline passed");
    case ending::stopped:
      return failed("killed: leadership ended or the agent stops");
    case ending::too_much:
      return failed(fmt::format("killed: it wrote more than {} bytes", what.output_bytes_max));
    case ending::exited:
      break;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::move(output_);
  return tl::unexpected(errors_.why(status));
}

}  // namespace

result<std::string> run_shell_command(const shell_command& what) {
  running_shell shell;
  if (auto started = shell.start(what); !started) return tl::unexpected(started.error());
  return shell.finish(what);
}

}  // namespace hedgerow::tools
