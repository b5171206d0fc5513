#include "tools/signals.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/exit_codes.h"

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

sigset_t stopping_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

stop_signals::stop_signals(hangup meaning) {
  sigset_t set = stopping_signals();
  if (meaning == hangup::reloads) sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal_fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // Without them nobody could end it but by SIGKILL.
  if (signal_fd_ < 0 || wake_fd_ < 0)
    throw std::system_error(errno, std::system_category(), "no file descriptor for signals");
}

stop_signals::~stop_signals() {
  close(signal_fd_);
  close(wake_fd_);
}

stop_signals::event stop_signals::wait(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  for (;;) {
    int left = -1;
    if (timeout >= milliseconds{0}) {
      left = static_cast<int>(std::max<std::int64_t>(
          0, std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count()));
    }
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    const int ready = poll(fds, 2, left);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return event::timeout;
    if ((fds[0].revents & POLLIN) != 0) {
      signalfd_siginfo info;
      if (read(signal_fd_, &info, sizeof info) == sizeof info) {
        number_ = static_cast<int>(info.ssi_signo);
        return info.ssi_signo == SIGHUP ? event::reload : event::signal;
      }
    }
    std::uint64_t count = 0;
    if (read(wake_fd_, &count, sizeof count) == sizeof count) return event::woken;
  }
}

void stop_signals::wake() {
  const std::uint64_t one = 1;
  // Fails only when it is readable already.
  [[maybe_unused]] const auto written = write(wake_fd_, &one, sizeof one);
}

void stop_signals::exit_on_next() {
  struct sigaction action = {};
  action.sa_handler = [](int number) { _exit(128 + number); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  const sigset_t set = stopping_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void settle_process() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open() takes the lowest free number, which is this one.
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) std::abort();
  }
  std::signal(SIGPIPE, SIG_IGN);
  // Ignored, which outlasts exec, the kernel reaps children itself: nobody learns how they ended.
  std::signal(SIGCHLD, SIG_DFL);
  // A process without memory can keep no promise; others take over. There is none for more words.
  std::set_new_handler([] {
    constexpr std::string_view words =
        "hedgerow: out of memory; this process ends. Raise its limit (ulimit -v, MemoryMax=)\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, words.data(), words.size());
    _exit(exit_failed);
  });
}

}  // namespace hedgerow::tools
