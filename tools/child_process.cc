#include "tools/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hedgerow::tools {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t error_tail_bytes = 4096;
// Where the kernel has no pidfd, the end of the shell is looked for this often.
constexpr std::chrono::milliseconds exit_poll{10};

class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_{fd} {}
  ~descriptor() { reset(); }
  descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

tl::unexpected<error> failed(std::string text) {
  return fail(errc::handler_failed, std::move(text));
}

tl::unexpected<error> not_started(std::string_view what, int number) {
  return failed(fmt::format("the handler could not be started: {}: {}", what,
                            std::generic_category().message(number)));
}

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

// posix_spawn, because between fork and exec in a process with threads next to nothing is allowed.
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

// One running command. Killed and reaped when this ends, whatever happened.
class running_shell {
 public:
  ~running_shell() {
    if (pid_ > 0) end();
  }
  running_shell() = default;
  running_shell(const running_shell&) = delete;
  running_shell& operator=(const running_shell&) = delete;

  result<void> start(const shell_command& what);
  result<std::string> finish(const shell_command& what);

 private:
  enum class ending { exited, too_much, deadline, stopped };

  ending pump(const shell_command& what, int stop_fd, steady_clock::time_point deadline);
  void feed(std::string_view& input);
  void take_output();
  void take_errors();
  bool exited() const;
  int end();
  std::string last_error_line() const;

  pid_t pid_ = -1;
  descriptor pidfd_, in_, out_, err_;
  std::string output_, errors_;
};

result<void> running_shell::start(const shell_command& what) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  for (const auto* made : {&in, &out, &err}) {
    if (!*made) return tl::unexpected(made->error());
  }
  spawn_settings with;
  posix_spawn_file_actions_adddup2(&with.actions, in->read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&with.actions, out->write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&with.actions, err->write.get(), STDERR_FILENO);
  // An inherited listening socket would make a crashed agent look alive.
  posix_spawn_file_actions_addclosefrom_np(&with.actions, 3);
  std::vector<std::string> arguments{"sh", "-c", what.command};
  std::vector<std::string> variables = environment_with(what.environment);
  const int failure = posix_spawn(&pid_, "/bin/sh", &with.actions, &with.attributes,
                                  pointers(arguments).data(), pointers(variables).data());
  if (failure != 0) {
    pid_ = -1;
    return not_started("/bin/sh", failure);
  }
  pidfd_ = descriptor{open_pidfd(pid_)};
  in_ = std::move(in->write);
  out_ = std::move(out->read);
  err_ = std::move(err->read);
  for (const descriptor* fd : {&in_, &out_, &err_})
    set_nonblocking(*fd);
  return {};
}

void running_shell::feed(std::string_view& input) {
  while (!input.empty()) {
    const ssize_t n = write(in_.get(), input.data(), input.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) break;  // it does not want to read the rest
    input.remove_prefix(static_cast<std::size_t>(n));
  }
  in_.reset();
}

void running_shell::take_output() {
  std::array<char, 65536> buffer;
  const ssize_t n = read(out_.get(), buffer.data(), buffer.size());
  if (n > 0) output_.append(buffer.data(), static_cast<std::size_t>(n));
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) out_.reset();
}

void running_shell::take_errors() {
  std::array<char, error_tail_bytes> buffer;
  const ssize_t n = read(err_.get(), buffer.data(), buffer.size());
  if (n > 0) errors_.append(buffer.data(), static_cast<std::size_t>(n));
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) err_.reset();
  if (errors_.size() > error_tail_bytes) errors_.erase(0, errors_.size() - error_tail_bytes);
}

bool running_shell::exited() const {
  siginfo_t info{};
  // WNOWAIT: as long as it is not reaped, its number, and that of its group, belongs to nobody
  // else.
  return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid_;
}

// Moves bytes until the shell has exited and what it wrote is read. A child of the shell that keeps
// stdout open delays nothing: after the exit only what is there already is taken.
running_shell::ending running_shell::pump(const shell_command& what, int stop_fd,
                                          steady_clock::time_point deadline) {
  std::string_view input = what.input;
  if (input.empty()) in_.reset();
  for (;;) {
    const bool last = exited();
    auto wait = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (what.stop.stop_requested()) return ending::stopped;
    if (!last && wait.count() <= 0) return ending::deadline;
    wait = std::min(wait, pidfd_.open() ? std::chrono::milliseconds{60'000} : exit_poll);
    pollfd fds[] = {{in_.get(), POLLOUT, 0},
                    {out_.get(), POLLIN, 0},
                    {err_.get(), POLLIN, 0},
                    {stop_fd, POLLIN, 0},
                    {pidfd_.get(), POLLIN, 0}};
    poll(fds, 5, last ? 0 : static_cast<int>(wait.count()));
    if (in_.open() && fds[0].revents != 0) feed(input);
    if (out_.open() && fds[1].revents != 0) take_output();
    if (err_.open() && fds[2].revents != 0) take_errors();
    if (output_.size() > what.output_bytes_max) return ending::too_much;
    if (last && fds[1].revents == 0 && fds[2].revents == 0) return ending::exited;
  }
}

// Kills what is left of the group, then reaps the shell: in this order, or the number might by then
// be another's. Returns its wait status.
int running_shell::end() {
  kill(-pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

std::string running_shell::last_error_line() const {
  const std::size_t end = errors_.find_last_not_of(" \t\r\n");
  if (end == errors_.npos) return {};
  const std::size_t newline = errors_.rfind('\n', end);
  const std::size_t begin = newline == errors_.npos ? 0 : newline + 1;
  return errors_.substr(begin, end + 1 - begin);
}

result<std::string> running_shell::finish(const shell_command& what) {
  const descriptor stop_fd{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!stop_fd.open()) return not_started("eventfd", errno);
  const std::stop_callback on_stop{what.stop, [&stop_fd] { eventfd_write(stop_fd.get(), 1); }};
  const ending how = pump(what, stop_fd.get(), steady_clock::now() + what.time_left);
  const int status = end();
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
  std::string text = WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                                         : fmt::format("exit status {}", WEXITSTATUS(status));
  if (const std::string line = last_error_line(); !line.empty()) text += ": " + line;
  return failed(std::move(text));
}

}  // namespace

result<std::string> run_shell_command(const shell_command& what) {
  running_shell shell;
  if (auto started = shell.start(what); !started) return tl::unexpected(started.error());
  return shell.finish(what);
}

}  // namespace hedgerow::tools
