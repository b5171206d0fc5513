#include "tools/shell_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

constexpr std::size_t error_tail_bytes = 4096;

struct pipe_ends {
  descriptor read;
  descriptor write;
};

result<pipe_ends> make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return not_started("pipe", errno);
  return pipe_ends{descriptor{fds[0]}, descriptor{fds[1]}};
}

// By number: the header of glibc 2.36 declares it for C only. -1 where the kernel has none.
int open_pidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

void set_nonblocking(const descriptor& fd) {
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& variable) {
      return text.starts_with(variable.first + "=");
    });
    if (!replaced) all.emplace_back(text);
  }
  // A name or value from the network may hold a zero byte, which ends it here.
  for (const auto& [name, value] : added)
    all.push_back(fmt::format("{}={}", name, value));
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

class spawn_settings {
 public:
  spawn_settings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~spawn_settings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// Of the child's ends, in the order of their numbers there.
using three = std::array<int, 3>;

// posix_spawn, because between fork and exec in a process with threads next to nothing is allowed,
// and because it copies no page tables.
result<pid_t> spawn(char* const* arguments, char* const* variables, const three& ends) {
  spawn_settings with;
  for (int fd = 0; fd < 3; ++fd)
    posix_spawn_file_actions_adddup2(&with.actions, ends.at(static_cast<std::size_t>(fd)), fd);
  // An inherited listening socket would make a crashed agent look alive.
  posix_spawn_file_actions_addclosefrom_np(&with.actions, 3);
  pid_t pid = -1;
  const int failure =
      posix_spawn(&pid, "/bin/sh", &with.actions, &with.attributes, arguments, variables);
  if (failure != 0) return not_started("/bin/sh", failure);
  return pid;
}

// In the child of a process with threads: system calls, and nothing else.
[[noreturn]] void become(char* const* arguments, char* const* variables, const three& ends,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it was too late for that
  setpgid(0, 0);
  for (int fd = 0; fd < 3; ++fd) {
    if (dup2(ends[static_cast<std::size_t>(fd)], fd) != fd) _exit(127);
  }
  closefrom(3);
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number)
    sigaction(number, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  execve("/bin/sh", arguments, variables);
  _exit(127);
}

// fork, because posix_spawn knows no signal for the parent's death.
result<pid_t> fork_tied(char* const* arguments, char* const* variables, const three& ends) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(arguments, variables, ends, parent);
  if (pid < 0) return not_started("fork", errno);
  setpgid(pid, pid);  // here, too: whoever comes first
  return pid;
}

}  // namespace

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  reset();
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void descriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

tl::unexpected<error> not_started(std::string_view what, int number) {
  return fail(errc::handler_failed, fmt::format("the handler could not be started: {}: {}", what,
                                                std::generic_category().message(number)));
}

shell_process::~shell_process() {
  if (pid_ > 0) end();
}

result<void> shell_process::start(const shell_setup& what) {
  auto input = make_pipe();
  auto output = make_pipe();
  auto errors = make_pipe();
  for (const auto* made : {&input, &output, &errors}) {
    if (!*made) return tl::unexpected(made->error());
  }

  const three ends{input->read.get(), output->write.get(), errors->write.get()};
  std::vector<std::string> arguments{"sh", "-c", std::string(what.command)};
  std::vector<std::string> variables = environment_with(what.environment);
  const auto pid = what.dies_with_thread
                       ? fork_tied(pointers(arguments).data(), pointers(variables).data(), ends)
                       : spawn(pointers(arguments).data(), pointers(variables).data(), ends);
  if (!pid) return tl::unexpected(pid.error());
  pid_ = *pid;
  pidfd = descriptor{open_pidfd(pid_)};
  in = std::move(input->write);
  out = std::move(output->read);
  err = std::move(errors->read);
  for (const descriptor* fd : {&in, &out, &err})
    set_nonblocking(*fd);
  return {};
}

bool shell_process::exited() const {
  siginfo_t info{};
  // WNOWAIT: as long as it is not reaped, its number, and that of its group, belongs to nobody
  // else.
  return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid_;
}

void shell_process::signal_group(int number) const {
  kill(-pid_, number);
}

// In this order, or the number might by then be another's.
int shell_process::end() {
  signal_group(SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

void take_available(descriptor& from, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t n = read(from.get(), buffer.data(), buffer.size());
  if (n > 0) into.append(buffer.data(), static_cast<std::size_t>(n));
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) from.reset();
}

void error_tail::take(descriptor& from) {
  take_available(from, text_);
  if (text_.size() > error_tail_bytes) text_.erase(0, text_.size() - error_tail_bytes);
}

std::string error_tail::last_line() const {
  const std::size_t end = text_.find_last_not_of(" \t\r\n");
  if (end == text_.npos) return {};
  const std::size_t newline = text_.rfind('\n', end);
  const std::size_t begin = newline == text_.npos ? 0 : newline + 1;
  return text_.substr(begin, end + 1 - begin);
}

error error_tail::why(int status) const {
  std::string text = WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                                         : fmt::format("exit status {}", WEXITSTATUS(status));
  if (const std::string line = last_line(); !line.empty()) text += ": " + line;
  return {errc::handler_failed, std::move(text)};
}

}  // namespace hedgerow::tools
