#include "bench/lib/process.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/lib/die.h"

namespace hedgerow::bench {

namespace {

void pin_to(int core) {
  if (core < 0) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) != 0) die("no core " + std::to_string(core));
}

}  // namespace

placement placement::from(int argc, char** argv) {
  if (argc < 3) return {};
  return {std::atoi(argv[1]), std::atoi(argv[2])};
}

children::~children() {
  end(SIGKILL);
}

void children::terminate() {
  end(SIGTERM);
}

void children::end(int by) {
  for (const pid_t c : running_)
    kill(c, by);
  for (const pid_t c : running_)
    waitpid(c, nullptr, 0);
  running_.clear();
}

pid_t children::start(int core, const std::function<void()>& work) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) die("no more processes");
  if (pid != 0) {
    running_.push_back(pid);
    return pid;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before the line above
  running_.clear();
  pin_to(core);
  work();
  _exit(0);
}

int children::wait(pid_t child) {
  while (true) {
    int status = 1;
    const pid_t ended = waitpid(-1, &status, 0);
    std::erase(running_, ended);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (ended == child || code != 0) return code;
  }
}

std::chrono::nanoseconds cpu_of(pid_t process) {
  clockid_t its_clock{};
  timespec used{};
  if (clock_getcpuclockid(process, &its_clock) != 0 || clock_gettime(its_clock, &used) != 0)
    die("a process that is measured has died");
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

notice::notice() {
  if (pipe(ends_) != 0) die("no pipe");
}

void notice::tell(int number) const {
  if (write(ends_[1], &number, sizeof number) != sizeof number) die("nobody listens");
}

int notice::await() const {
  int number = 0;
  if (read(ends_[0], &number, sizeof number) != sizeof number) die("a process has ended too early");
  return number;
}

temporary_folder::temporary_folder() : owner_(getpid()) {
  char name[] = "/tmp/hedgerow-bench-XXXXXX";
  if (mkdtemp(name) == nullptr) die("no temporary folder");
  path_ = name;
}

temporary_folder::~temporary_folder() {
  if (getpid() == owner_) std::filesystem::remove_all(path_);
}

}  // namespace hedgerow::bench
