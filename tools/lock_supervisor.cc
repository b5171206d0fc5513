#include "tools/lock_supervisor.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/lock_orders.h"

namespace hedgerow::tools {
namespace {

constexpr timespec moment{0, 2'000'000};

tl::unexpected<error> not_started(const char* what) {
  return fail(errc::internal, std::string("the command could not be started: ") + what + ": " +
                                  std::generic_category().message(errno));
}

void give_order(int fd, const supervisor_order& order) {
  // A supervisor that does not read is stopped or dead; its death is reported by the other pipe.
  [[maybe_unused]] const auto written = write(fd, &order, sizeof order);
}

}  // namespace

std::int64_t boot_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

result<std::unique_ptr<lock_supervisor>> lock_supervisor::start(const task& what) {
  std::array<int, 2> orders{-1, -1};
  std::array<int, 2> reports{-1, -1};
  if (pipe2(orders.data(), O_CLOEXEC | O_NONBLOCK) != 0) return not_started("pipe");
  if (pipe2(reports.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    const auto why = not_started("pipe");
    close(orders[0]);
    close(orders[1]);
    return why;
  }
  // Whoever loses its parent comes to this process, should the supervisor be killed: only a parent
  // can know that a process is gone.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t pid = fork();
  if (pid == 0) {
    close(orders[1]);
    close(reports[0]);
    supervise(what, orders[0], reports[1]);
  }
  const auto why = not_started("fork");
  close(orders[0]);
  close(reports[1]);
  std::unique_ptr<lock_supervisor> made(new lock_supervisor(pid, orders[1], reports[0]));
  if (pid < 0) return why;
  setpgid(pid, pid);
  return made;
}

lock_supervisor::~lock_supervisor() {
  close(orders_);
  while (pid_ > 0 && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  close(reports_);
}

void lock_supervisor::run(fencing_token token, std::int64_t until_ns) {
  give_order(orders_, {supervisor_order::kind::run, 0, token, until_ns});
}
void lock_supervisor::extend(std::int64_t until_ns) {
  give_order(orders_, {supervisor_order::kind::extend, 0, 0, until_ns});
}
void lock_supervisor::stop() {
  give_order(orders_, {supervisor_order::kind::stop, 0, 0, 0});
}
void lock_supervisor::forward(int signal) {
  give_order(orders_, {supervisor_order::kind::forward, signal, 0, 0});
}

std::optional<supervisor_report> lock_supervisor::take_report() {
  supervisor_report report;
  const ssize_t n = read(reports_, &report, sizeof report);
  if (n < 0) return std::nullopt;
  if (n != sizeof report) return supervisor_report{};
  if (report.what == supervisor_report::kind::started) group_ = report.number;
  return report;
}

void lock_supervisor::kill_group() {
  // One that is stopped would keep what it has not reaped in the group.
  kill(pid_, SIGKILL);
  if (group_ == 0) return;
  // The leader was not reaped: the number is still that of the group.
  kill(-group_, SIGKILL);
  while (kill(-group_, 0) == 0 || errno == EPERM) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    nanosleep(&moment, nullptr);
  }
}

}  // namespace hedgerow::tools
