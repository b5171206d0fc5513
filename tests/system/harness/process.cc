#include "tests/system/harness/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/system/harness/network.h"

namespace hedgerow::system_test {
namespace {

std::vector<std::string> environment_of(const process_setup& with) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view{*entry}.starts_with("HEDGEROW_")) all.emplace_back(*entry);
  }
  for (const auto& [name, value] : with.environment)
    all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

struct pipe_ends {
  pipe_ends() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) std::abort();
    read = fds[0];
    write = fds[1];
  }
  int read = -1;
  int write = -1;
};

int status_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

process::process(process_setup with) {
  std::signal(SIGPIPE, SIG_IGN);
  const pipe_ends in, out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (with.stdin_closed) {
    posix_spawn_file_actions_addclose(&actions, STDIN_FILENO);
  } else if (with.input) {
    posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  // What whoever runs the tests left open would count as the child's own.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  std::vector<std::string> variables = environment_of(with);
  int failure = EPERM;
  inside(with.network_namespace, [&] {
    with_paths(with.paths, [&] {
      failure = posix_spawnp(&pid_, with.arguments.front().c_str(), &actions, &attributes,
                             pointers(with.arguments).data(), pointers(variables).data());
    });
  });
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    pid_ = -1;
    status_ = 127;
    err_ = "could not be started: " + std::generic_category().message(failure);
  }
  for (const int fd : {in.read, out.write, err.write})
    close(fd);
  reader_ = std::thread{[this, out, err] { read_all(out.read, err.read); }};
  feeder_ = std::thread{[this, in, input = with.input.value_or("")] { feed(in.write, input); }};
}

process::~process() {
  if (running()) signal(SIGKILL);
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);  // what it has started in its group, so that the pipes end
    wait_exit(milliseconds{10'000});
  }
  finish_reading();
  feeder_.join();
}

void process::finish_reading() {
  if (reader_.joinable()) reader_.join();
}

void process::signal(int number) const {
  if (pid_ > 0 && !status_) kill(pid_, number);
}

bool process::running() {
  return !wait_exit(milliseconds{0});
}

std::optional<int> process::wait_exit(milliseconds patience) {
  wait_for(
      [this] {
        int status = 0;
        if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status_code(status);
        return status_.has_value();
      },
      patience);
  return status_;
}

void process::feed(int fd, std::string input) const {
  for (std::string_view rest = input; !rest.empty();) {
    const ssize_t n = write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  close(fd);
}

void process::read_all(int out, int err) {
  pollfd fds[] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  std::array<char, 65536> buffer;
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (poll(fds, 2, -1) < 0) continue;
    const auto now = steady_clock::now();
    for (pollfd& from : fds) {
      if (from.fd < 0 || from.revents == 0) continue;
      const ssize_t n = read(from.fd, buffer.data(), buffer.size());
      if (n <= 0) {
        close(from.fd);
        from.fd = -1;
        continue;
      }
      const std::lock_guard hold{lock_};
      (from.fd == out ? out_ : err_).append(buffer.data(), static_cast<std::size_t>(n));
      for (auto end = out_.find('\n', lines_end_); end != out_.npos;
           end = out_.find('\n', lines_end_)) {
        lines_.push_back({now, out_.substr(lines_end_, end - lines_end_)});
        lines_end_ = end + 1;
      }
    }
    tell_news();
  }
}

std::string process::out() const {
  const std::lock_guard hold{lock_};
  return out_;
}

std::string process::err() const {
  const std::lock_guard hold{lock_};
  return err_;
}

std::vector<line> process::lines(std::size_t from) const {
  const std::lock_guard hold{lock_};
  return {lines_.begin() + static_cast<std::ptrdiff_t>(std::min(from, lines_.size())),
          lines_.end()};
}

}  // namespace hedgerow::system_test
