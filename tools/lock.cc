// `hedgerow lock`: holds a lock while a command runs.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <hedgerow/lock.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/json.h"
#include "tools/lock_supervisor.h"
#include "tools/logging.h"

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;
using report = supervisor_report;

constexpr std::int64_t never = INT64_MAX;

// What a database that is well may need to open, however short --wait is.
constexpr milliseconds open_timeout_min{500};

std::int64_t lease_ns(const lock_settings& mine) {
  return std::chrono::nanoseconds(mine.lease).count();
}

// What comes of it all.
struct ending {
  int status = exit_failed;
  std::string_view outcome = "failed";
  fencing_token token = 0;
  std::string why{};  // for stderr; empty says nothing
};

bool is_ignored(int signal) {
  struct sigaction now {};
  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// Signals for COMMAND; those of a terminal's Ctrl-Z are not wanted by anybody: who stops a holder
// loses the lock. One that was ignored from the start, as by nohup, stays so.
int block_signals() {
  sigset_t read_here;
  sigemptyset(&read_here);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    if (!is_ignored(number)) sigaddset(&read_here, number);
  }
  sigset_t blocked = read_here;
  for (const int number : {SIGTSTP, SIGTTIN, SIGTTOU})
    sigaddset(&blocked, number);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  return signalfd(-1, &read_here, SFD_CLOEXEC | SFD_NONBLOCK);
}

// The terminal goes to COMMAND while it runs, if this process has it.
class terminal {
 public:
  terminal() : mine_(isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp()) {}
  ~terminal() {
    if (mine_) tcsetpgrp(STDIN_FILENO, getpgrp());
  }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;
  bool mine() const { return mine_; }

 private:
  bool mine_;
};

// The holder: the lock, and what its thread tells the main one.
class holder {
 public:
  holder(lock_supervisor& supervisor, const lock_settings& mine, int signals)
      : supervisor_(supervisor),
        mine_(mine),
        signals_(signals),
        woken_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  // Releases.
  ~holder() {
    // The last callbacks use it; nobody comes through a pointer that is being reset.
    if (lock_) lock_->release();
    lock_.reset();
    close(woken_);
  }
  holder(const holder&) = delete;
  holder& operator=(const holder&) = delete;

  result<void> open(lock_space_options store, lock_options with);
  ending run();

 private:
  struct news {
    std::optional<result<fencing_token>> answer;
    std::string lost;        // why COMMAND must go
    std::int64_t until = 0;  // it may run, as the supervisor was last told
  };

  ending acquire();
  ending watch_command(fencing_token token);
  ending end_of(const report& what);
  ending stopped();
  std::int64_t until() const;
  void extend();
  void end_use(const std::string& why);
  void tell(const std::function<void(news&)>& change);
  news look() {
    const std::lock_guard hold{mutex_};
    return news_;
  }
  int take_signal() const;
  void wait(std::int64_t until_ns) const;

  lock_supervisor& supervisor_;
  const lock_settings& mine_;
  int signals_;
  int woken_;
  std::unique_ptr<lock> lock_;
  std::mutex mutex_;
  news news_;  // guarded by mutex_
};

void holder::tell(const std::function<void(news&)>& change) {
  {
    const std::lock_guard hold{mutex_};
    change(news_);
  }
  eventfd_write(woken_, 1);
}

int holder::take_signal() const {
  signalfd_siginfo info;
  const ssize_t n = read(signals_, &info, sizeof info);
  return n == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void holder::wait(std::int64_t until_ns) const {
  std::array<pollfd, 3> fds{
      {{signals_, POLLIN, 0}, {woken_, POLLIN, 0}, {supervisor_.reports_fd(), POLLIN, 0}}};
  int left_ms = -1;
  if (until_ns != never)
    left_ms = static_cast<int>(std::max<std::int64_t>(0, until_ns - boot_now_ns()) / 1'000'000 + 1);
  poll(fds.data(), fds.size(), left_ms);
  eventfd_t count = 0;
  eventfd_read(woken_, &count);
}

// Boot time is read first: what was left of the lease then is left at least (lock_supervisor.h).
std::int64_t holder::until() const {
  const auto now = boot_now_ns();
  return now + std::chrono::nanoseconds(lock_->remaining()).count();
}

void holder::extend() {
  if (!lock_->held()) return;
  const auto to = until();
  supervisor_.extend(to);
  tell([&](news& n) { n.until = to; });
}

// On the lock's thread: the main one may have other things to do.
void holder::end_use(const std::string& why) {
  supervisor_.stop();
  tell([&](news& n) {
    if (n.lost.empty()) n.lost = why;
  });
}

result<void> holder::open(lock_space_options store, lock_options with) {
  with.on_extended = [this](fencing_token) { extend(); };
  with.on_lost = [this](fencing_token, const std::string& why) { end_use(why); };
  with.on_suspended = [this](fencing_token) { end_use("the clock is not trusted"); };
  if (mine_.wait)
    store.open_timeout = std::clamp(*mine_.wait, open_timeout_min, store.open_timeout);
  auto space = lock_space::open(std::move(store));
  if (!space) return tl::unexpected(std::move(space).error());
  auto opened = lock::open(std::move(*space), std::move(with));
  if (!opened) return tl::unexpected(std::move(opened).error());
  lock_ = std::move(*opened);
  return {};
}

ending holder::acquire() {
  lock_->acquire(mine_.wait.value_or(milliseconds::max()), [this](result<fencing_token> answer) {
    tell([&](news& n) { n.answer = std::move(answer); });
  });
  for (;;) {
    wait(never);
    if (const int number = take_signal(); number != 0)
      return {.status = 128 + number, .outcome = "interrupted"};
    const auto answer = look().answer;
    if (!answer) continue;
    if (*answer) return {.status = exit_done, .token = **answer};
    const auto& why = answer->error();
    const bool late = why.code == errc::not_acquired;
    return {.status = exit_code_of(why),
            .outcome = late ? "not_acquired" : "failed",
            .why = why.message()};
  }
}

ending holder::stopped() {
  const auto why = look().lost;
  return {.status = exit_lease_lost,
          .outcome = "lost",
          .why = fmt::format("the lock \"{}\" was lost, and {} stopped: {}", mine_.name,
                             mine_.command.front(),
                             why.empty() ? "no renewal succeeded in time" : why)};
}

ending holder::end_of(const report& what) {
  if (what.stopped != 0) return stopped();
  switch (what.what) {
    case report::kind::exited:
      return {.status = what.number, .outcome = "exited"};
    case report::kind::killed:
      return {.status = 128 + what.number, .outcome = "killed"};
    case report::kind::not_started:
      return {.status = what.number == ENOENT ? exit_not_found : exit_not_executable,
              .outcome = "not_started",
              .why = fmt::format("can't run {}: {}", mine_.command.front(),
                                 std::generic_category().message(what.number))};
    case report::kind::too_late:
      return {.status = exit_lease_lost,
              .outcome = "lost",
              .why = fmt::format("the lock \"{}\" was lost before {} was started", mine_.name,
                                 mine_.command.front())};
    case report::kind::started:
    case report::kind::dead:
      break;
  }
  return {.why = fmt::format("the supervisor of {} was killed, and {} with it",
                             mine_.command.front(), mine_.command.front())};
}

// Until COMMAND and all of its group are gone. The supervisor sees to that; should it be killed or
// stopped, this does.
ending holder::watch_command(fencing_token token) {
  const auto to = until();
  tell([&](news& n) { n.until = std::max(n.until, to); });
  supervisor_.run(token, to);
  std::int64_t kill_at = never;
  for (;;) {
    while (const auto said = supervisor_.take_report()) {
      if (said->what == report::kind::started) continue;
      if (said->what == report::kind::dead) supervisor_.kill_group();
      return end_of(*said);
    }
    const auto now = boot_now_ns();
    if (const auto n = look(); !n.lost.empty() && kill_at == never)
      kill_at = std::min(now + lease_ns(mine_) / 8, n.until);
    if (now >= kill_at) {
      supervisor_.kill_group();
      return stopped();
    }
    if (const int number = take_signal(); number != 0) supervisor_.forward(number);
    wait(kill_at);
  }
}

ending holder::run() {
  ending got = acquire();
  if (got.token == 0) return got;
  ending end = watch_command(got.token);
  end.token = got.token;
  return end;
}

int tell_end(const lock_settings& mine, const ending& end) {
  finish_logging();
  if (!end.why.empty()) complain(error(errc::internal, end.why));
  if (mine.json) {
    json line;
    put_text(line, "lock", mine.name);
    line["token"] = end.token;
    line["outcome"] = end.outcome;
    line["status"] = end.status;
    const std::string text = line_of(line) + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  return end.status;
}

}  // namespace

int run_lock(const lock_settings& mine) {
  lock_options with;
  with.name = mine.name;
  with.lease = mine.lease;
  if (const auto ok = with.validate(); !ok) {
    complain(ok.error());
    return exit_usage;
  }
  const terminal screen;
  const auto supervisor = lock_supervisor::start({.command = mine.command,
                                                  .lock = mine.name,
                                                  .lease_ns = lease_ns(mine),
                                                  .foreground = screen.mine()});
  if (!supervisor) return tell_end(mine, {.why = supervisor.error().message()});
  const int signals = block_signals();
  log_setup log = start_logging(mine.log_level);
  ending end;
  {
    holder one{**supervisor, mine, signals};
    const auto opened = one.open({.store = mine.store,
                                  .clock = mine.clock,
                                  .log = std::move(log.sink),
                                  .log_level = log.level},
                                 std::move(with));
    if (opened) {
      end = one.run();
    } else {
      end = {.status = exit_code_of(opened.error()), .why = opened.error().message()};
    }
  }
  return tell_end(mine, end);
}

}  // namespace hedgerow::tools
