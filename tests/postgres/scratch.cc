#include "tests/postgres/scratch.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/postgres/program.h"

namespace hedgerow::postgres_test {
namespace {

// Its `read` ends when the last copy of the pipe's other end is closed. In the background and
// without our output, so that neither a dying test nor who waits for its output waits for the
// guard. Two rounds: a postmaster may have started a child behind the first one's back.
constexpr const char* guard = R"(
exec 3<&0 </dev/null >/dev/null 2>&1
{
  read -r _ <&3
  [ -d "$1" ] || exit
  for round in 1 2; do
    for process in /proc/[0-9]*; do
      case $(readlink "$process/cwd")/ in
        "$1"/*) kill -9 "${process#/proc/}" ;;
      esac
    done
  done
  sed -n 7p "$1/data/postmaster.pid" | { read -r _ memory && ipcrm -m "$memory"; }
  rm -rf "$1"
} &
)";

void start_guard(const std::string& folder, int from) {
  std::string script = guard, path = folder;
  char shell[] = "sh", option[] = "-c";
  char* const arguments[] = {shell, option, script.data(), shell, path.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  const int failure = posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) throw std::system_error{failure, std::generic_category(), "sh"};
  waitpid(pid, nullptr, 0);
}

// A cluster has a thousand files: in memory a server starts in a quarter of the time.
std::filesystem::path scratch_root() {
  constexpr std::uintmax_t room = std::uintmax_t{1} << 30;
  const std::filesystem::path memory = "/dev/shm";
  std::error_code failure;
  const auto space = std::filesystem::space(memory, failure);
  const bool wanted = std::getenv("TMPDIR") == nullptr && !failure && space.available >= room;
  return wanted ? memory : std::filesystem::temp_directory_path();
}

}  // namespace

scratch_folder::scratch_folder() {
  std::string name = (scratch_root() / "hedgerow-pg-XXXXXX").native();
  if (mkdtemp(name.data()) == nullptr)
    throw std::system_error{errno, std::generic_category(), "mkdtemp " + name};
  path_ = name;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
  alive_ = ends[1];
  start_guard(path_.native(), ends[0]);
  close(ends[0]);
  give_away(path_);
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  close(alive_);
}

port_claim::port_claim() {
  constexpr std::uint16_t first = 20'000, count = 12'000;
  std::random_device random;
  const unsigned start = random();
  for (unsigned i = 0; i < count; ++i) {
    if (claim(static_cast<std::uint16_t>(first + (start + i) % count))) return;
  }
  throw std::runtime_error{"no free port between 20000 and 32000"};
}

port_claim::~port_claim() {
  close(claim_);
}

bool port_claim::claim(std::uint16_t port) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "hedgerow-port-" + std::to_string(port);
  std::memcpy(name.sun_path + 1, text.data(), text.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  claim_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // As postgres does it: connections of an earlier server that wait for their end do not matter.
  const int on = 1;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool free = bind(claim_, reinterpret_cast<const sockaddr*>(&name), size) == 0 &&
                    bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  if (free) {
    port_ = port;
  } else {
    close(claim_);
    claim_ = -1;
  }
  return free;
}

}  // namespace hedgerow::postgres_test
