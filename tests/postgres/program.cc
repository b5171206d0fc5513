#include "tests/postgres/program.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hedgerow::postgres_test {
namespace {

struct account {
  uid_t user;
  gid_t group;
};

// Of the programs; nothing unless this process is root's.
std::optional<account> ordinary_account() {
  if (geteuid() != 0) return {};
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = getpwnam(name)) return account{entry->pw_uid, entry->pw_gid};
  }
  throw std::runtime_error{"root runs the tests, and there is no user postgres or nobody"};
}

std::vector<std::string> with_fewer_rights(std::vector<std::string> arguments) {
  if (const auto to = ordinary_account()) {
    const std::string user = std::to_string(to->user), group = std::to_string(to->group);
    const std::string prefix[] = {"setpriv", "--reuid=" + user, "--regid=" + group,
                                  "--clear-groups", "--"};
    arguments.insert(arguments.begin(), std::begin(prefix), std::end(prefix));
  }
  return arguments;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// A fixed environment: PGHOST, PGOPTIONS and such of whoever runs the tests stay out.
std::vector<std::string> environment() {
  const char* path = std::getenv("PATH");
  return {std::string{"PATH="} + (path != nullptr ? path : "/usr/bin:/bin"), "LC_ALL=C", "TZ=UTC"};
}

// The one letter of /proc; 0 if there is no such process.
char state_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto name_end = text.rfind(')');
  return name_end == text.npos || name_end + 2 >= text.size() ? '\0' : text[name_end + 2];
}

}  // namespace

program::program(const program_setup& with) {
  std::vector<std::string> arguments = with_fewer_rights(with.arguments);
  std::vector<std::string> variables = environment();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, with.input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, with.log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, with.folder.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  const int failure = posix_spawnp(&pid_, arguments.front().c_str(), &actions, &attributes,
                                   pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    throw std::runtime_error{arguments.front() +
                             " could not be started: " + std::generic_category().message(failure)};
  }
}

program::~program() {
  signal(SIGKILL);
  wait_exit(milliseconds{10'000});
}

void program::signal(int number) const {
  if (!status_) kill(pid_, number);
}

std::optional<int> program::wait_exit(milliseconds patience) {
  wait_for(
      [this] {
        int status = 0;
        if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_)
          status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        return status_.has_value();
      },
      patience);
  return status_;
}

void run(const program_setup& with) {
  program running{with};
  const auto status = running.wait_exit(milliseconds{60'000});
  if (status == 0) return;
  throw std::runtime_error{with.arguments.front() +
                           (status ? " failed with status " + std::to_string(*status)
                                   : std::string{" took more than a minute"}) +
                           ":\n" + tail(with.log)};
}

void give_away(const std::filesystem::path& path) {
  const auto to = ordinary_account();
  if (to && lchown(path.c_str(), to->user, to->group) != 0)
    throw std::system_error{errno, std::generic_category(), "chown " + path.native()};
}

std::vector<pid_t> processes_in(const std::filesystem::path& folder) {
  std::vector<pid_t> found;
  const std::string inside = folder.native() + "/";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (read.ec != std::errc{} || read.ptr != name.data() + name.size()) continue;
    const std::string at = std::filesystem::read_symlink(entry.path() / "cwd", ignored).native();
    if ((at + "/").starts_with(inside)) found.push_back(pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

void freeze_process(pid_t pid) {
  kill(pid, SIGSTOP);
  const auto still = [pid] {
    const char state = state_of(pid);
    return state == 'T' || state == 't' || state == 'Z' || state == '\0';
  };
  if (!wait_for(still, milliseconds{10'000}))
    throw std::runtime_error{"process " + std::to_string(pid) + " does not stop"};
}

std::string tail(const std::filesystem::path& file, std::size_t most) {
  std::ifstream from{file};
  const std::string text{std::istreambuf_iterator<char>{from}, {}};
  return text.size() <= most ? text : "…" + text.substr(text.size() - most);
}

}  // namespace hedgerow::postgres_test
