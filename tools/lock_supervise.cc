// The supervisor's process: one thread, one child, three descriptors to wait for.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/lock_orders.h"

namespace hedgerow::tools {
namespace {

constexpr std::int64_t never = INT64_MAX;
constexpr std::int64_t kill_margin_min_ns = 20'000'000;
constexpr timespec moment{0, 2'000'000};

// What would end or stop the supervisor from a terminal, or because of what others close.
constexpr std::array ignored{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};

class supervisor {
 public:
  supervisor(const lock_supervisor::task& what, int orders, int reports)
      : what_(what), orders_(orders), reports_(reports) {}

  [[noreturn]] void run();

 private:
  void settle();
  void take_orders();
  void obey(const supervisor_order& order);
  void start_in_time(fencing_token token);
  void start(fencing_token token);
  pid_t fork_command();
  void forward(int signal);
  [[noreturn]] void become_command();
  void ask_to_stop();
  void act_in_time();
  void look_at_child();
  [[noreturn]] void finish();
  void arm();
  void say(supervisor_report::kind what, int number) const;

  std::int64_t kill_at() const {
    const auto margin = std::max(what_.lease_ns / 16, kill_margin_min_ns);
    return std::min(forced_, until_ - margin);
  }
  std::int64_t term_at() const { return until_ - what_.lease_ns / 4; }

  const lock_supervisor::task& what_;
  int orders_;
  int reports_;
  int children_ = -1;
  int timer_ = -1;
  int failure_ = -1;  // COMMAND's errno, if it can't be executed
  std::array<struct sigaction, ignored.size()> inherited_{};
  sigset_t inherited_mask_{};

  fencing_token to_start_ = 0;  // asked for; 0: not, or no more
  std::vector<int> early_;      // signals for a COMMAND that is not started yet
  pid_t child_ = 0;
  std::int64_t until_ = 0;
  std::int64_t forced_ = never;  // not later than this, whatever is said
  bool asked_ = false;
  bool killed_ = false;
};

// Its own group, so that a terminal's Ctrl-C is for the holder or for COMMAND, never for it.
void supervisor::settle() {
  setpgid(0, 0);
  prctl(PR_SET_NAME, "hedgerow-lock");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (std::size_t i = 0; i < ignored.size(); ++i)
    sigaction(ignored.at(i), &ignore, &inherited_.at(i));
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &child, &inherited_mask_);
  children_ = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  // Time in suspend counts, and the alarm goes off at the end of a suspend.
  timer_ = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (children_ < 0 || timer_ < 0) _exit(1);
}

void supervisor::run() {
  settle();
  for (;;) {
    arm();
    std::array<pollfd, 3> fds{{{orders_, POLLIN, 0}, {children_, POLLIN, 0}, {timer_, POLLIN, 0}}};
    poll(fds.data(), fds.size(), -1);
    // Time first: orders may be many.
    act_in_time();
    if (fds[0].revents != 0) take_orders();
    if (fds[1].revents != 0) look_at_child();
  }
}

void supervisor::arm() {
  std::int64_t at = never;
  if (child_ != 0) at = asked_ ? kill_at() : std::min(term_at(), kill_at());
  itimerspec when{};
  if (at != never && !killed_) {
    at = std::max<std::int64_t>(at, 1);
    when.it_value = {at / 1'000'000'000, at % 1'000'000'000};
  }
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void supervisor::take_orders() {
  for (;;) {
    supervisor_order order;
    const ssize_t n = read(orders_, &order, sizeof order);
    if (n < 0) {
      if (to_start_ != 0) start_in_time(std::exchange(to_start_, 0));
      return;
    }
    if (n == sizeof order) {
      obey(order);
      continue;
    }
    // The holder is gone. What it has said last holds, and no more will come.
    if (child_ == 0) _exit(0);
    close(orders_);
    orders_ = -1;
    ask_to_stop();
    return;
  }
}

void supervisor::obey(const supervisor_order& order) {
  switch (order.what) {
    case supervisor_order::kind::run:
      until_ = order.until_ns;
      to_start_ = order.token;
      break;
    case supervisor_order::kind::extend:
      until_ = std::max(until_, order.until_ns);
      break;
    case supervisor_order::kind::stop:
      forced_ = std::min(forced_, boot_now_ns() + what_.lease_ns / 8);
      ask_to_stop();
      break;
    case supervisor_order::kind::forward:
      forward(order.signal);
      break;
  }
}

// All orders that are there have been read: a later end may stand behind, or that it is over.
void supervisor::start_in_time(fencing_token token) {
  if (forced_ == never && boot_now_ns() < std::min(term_at(), kill_at())) return start(token);
  say(supervisor_report::kind::too_late, 0);
  _exit(0);
}

void supervisor::start(fencing_token token) {
  // NOLINTBEGIN(concurrency-mt-unsafe): the only thread
  setenv("HEDGEROW_TOKEN", std::to_string(token).c_str(), 1);
  setenv("HEDGEROW_LOCK", what_.lock.c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
  std::array<int, 2> failure{-1, -1};
  // Without it the failure is COMMAND's status 127; that is all.
  if (pipe2(failure.data(), O_CLOEXEC | O_NONBLOCK) != 0) failure = {-1, -1};
  failure_ = failure[1];
  child_ = fork_command();
  failure_ = failure[0];
  close(failure[1]);
  say(supervisor_report::kind::started, child_);
  for (const int signal : std::exchange(early_, {}))
    forward(signal);
}

// Signals may be sent to its group from the return on, and none is lost: until the child has the
// dispositions of COMMAND it ignores some, and a signal that is ignored is kept only while it is
// blocked.
pid_t supervisor::fork_command() {
  const pid_t self = getpid();
  sigset_t all;
  sigset_t mine;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &mine);
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != self) _exit(1);  // killed before that was set
    become_command();
  }
  if (pid < 0) {
    say(supervisor_report::kind::not_started, errno);
    _exit(1);
  }
  setpgid(pid, pid);  // whoever of the two comes first
  pthread_sigmask(SIG_SETMASK, &mine, nullptr);
  return pid;
}

void supervisor::forward(int signal) {
  if (child_ != 0) {
    kill(-child_, signal);
  } else {
    early_.push_back(signal);
  }
}

void supervisor::become_command() {
  if (what_.foreground) tcsetpgrp(STDIN_FILENO, getpid());
  for (std::size_t i = 0; i < ignored.size(); ++i)
    sigaction(ignored.at(i), &inherited_.at(i), nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  // Not before: what has come since the fork comes now.
  pthread_sigmask(SIG_SETMASK, &inherited_mask_, nullptr);
  std::vector<std::string> words = what_.command;
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execvp(arguments.front(), arguments.data());
  const int why = errno;
  [[maybe_unused]] const auto written = write(failure_, &why, sizeof why);
  _exit(127);
}

void supervisor::ask_to_stop() {
  if (child_ == 0 || asked_) return;
  asked_ = true;
  kill(-child_, SIGTERM);
  kill(-child_, SIGCONT);
}

void supervisor::act_in_time() {
  if (child_ == 0 || killed_) return;
  const auto now = boot_now_ns();
  if (now >= term_at()) ask_to_stop();
  if (now < kill_at()) return;
  asked_ = true;
  killed_ = true;
  kill(-child_, SIGKILL);
}

void supervisor::look_at_child() {
  signalfd_siginfo gone;
  while (read(children_, &gone, sizeof gone) > 0) {
  }
  if (child_ == 0) return;
  siginfo_t info{};
  const auto id = static_cast<id_t>(child_);
  // Ctrl-Z would leave a terminal without anybody, and in the end cost the lease.
  if (waitid(P_PID, id, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == child_ &&
      info.si_status == SIGTSTP && what_.foreground)
    kill(-child_, SIGCONT);
  info = {};
  // Not reaped yet: its number is the group's, and must not become another's. What COMMAND has left
  // behind is reaped as it ends: a subreaper's zombies are its own.
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    if (info.si_pid == child_) finish();
    waitpid(info.si_pid, nullptr, WNOHANG);
    info = {};
  }
}

// Nothing of COMMAND outlives it: then the lock may be released.
void supervisor::finish() {
  kill(-child_, SIGKILL);  // all of it at once: who is in fork() is killed with its child
  int status = 0;
  while (waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  while (kill(-child_, 0) == 0 || errno == EPERM) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    nanosleep(&moment, nullptr);
  }
  int why = 0;
  if (read(failure_, &why, sizeof why) == sizeof why) {
    say(supervisor_report::kind::not_started, why);
  } else if (WIFSIGNALED(status)) {
    say(supervisor_report::kind::killed, WTERMSIG(status));
  } else {
    say(supervisor_report::kind::exited, WEXITSTATUS(status));
  }
  _exit(0);
}

void supervisor::say(supervisor_report::kind what, int number) const {
  const supervisor_report report{what, number, asked_ ? 1 : 0};
  [[maybe_unused]] const auto written = write(reports_, &report, sizeof report);
}

}  // namespace

void supervise(const lock_supervisor::task& what, int orders, int reports) {
  supervisor(what, orders, reports).run();
}

}  // namespace hedgerow::tools
