#include "sim/workers.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <malloc.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hedgerow::sim {
namespace {

using work_job = std::function<work_report(std::uint64_t)>;

struct worker {
  pid_t pid = -1;
  int pipe_end = -1;       // closed: it has ended
  std::uint64_t next = 0;  // the item that it is at, or will begin with
};

static_assert(sizeof(work_report) <= PIPE_BUF);

void send(int pipe_end, const work_report& report) {
  while (write(pipe_end, &report, sizeof report) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void work(int pipe_end, std::uint64_t first, std::uint64_t items, std::uint64_t step,
                       const work_job& job) {
  // What one run has used serves the next, and the kernel need not take and give the same pages.
  // NOLINTBEGIN(concurrency-mt-unsafe): a worker has one thread
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  // NOLINTEND(concurrency-mt-unsafe)
  for (std::uint64_t item = first; item < items; item += step) {
    work_report report = job(item);
    report.item = item;
    send(pipe_end, report);
  }
  std::fflush(nullptr);
  _exit(0);
}

bool launch(worker& w, std::uint64_t items, std::uint64_t step, const work_job& job) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  std::fflush(nullptr);
  w.pid = fork();
  if (w.pid == 0) {
    close(ends[0]);
    work(ends[1], w.next, items, step, job);
  }
  close(ends[1]);
  w.pipe_end = ends[0];
  return w.pid > 0;
}

// One report, or nothing at the worker's end.
std::optional<work_report> receive(worker& w) {
  work_report report;
  ssize_t got = 0;
  do {
    got = read(w.pipe_end, &report, sizeof report);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof report)) return report;
  close(w.pipe_end);
  w.pipe_end = -1;
  waitpid(w.pid, nullptr, 0);
  return std::nullopt;
}

work_report crash_at(std::uint64_t item) {
  work_report report;
  report.item = item;
  report.failed = 1;
  std::snprintf(report.checker, sizeof report.checker, "crash");
  std::snprintf(report.text, sizeof report.text, "the process of this run died; see above");
  return report;
}

}  // namespace

unsigned processors() {
  const long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1U : static_cast<unsigned>(n);
}

void work_through(std::uint64_t items, unsigned workers, const work_job& job,
                  const std::function<bool(const work_report&)>& seen) {
  const std::uint64_t step = std::min<std::uint64_t>(workers, items);
  std::vector<worker> all(step);
  for (std::uint64_t i = 0; i < step; ++i) {
    all[i].next = i;
    if (!launch(all[i], items, step, job)) return;
  }
  for (bool go_on = true; go_on;) {
    std::vector<pollfd> waiting;
    for (const auto& w : all)
      waiting.push_back({w.pipe_end, POLLIN, 0});  // a closed one, -1, is ignored
    const bool some =
        std::any_of(all.begin(), all.end(), [](const worker& w) { return w.pipe_end >= 0; });
    if (!some || (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR)) break;
    for (std::uint64_t i = 0; i < step && go_on; ++i) {
      if (all[i].pipe_end < 0 || waiting[i].revents == 0) continue;
      auto report = receive(all[i]);
      if (!report && all[i].next >= items) continue;
      if (!report) report = crash_at(all[i].next);
      all[i].next = report->item + step;
      go_on = seen(*report);
      if (go_on && all[i].pipe_end < 0 && all[i].next < items) launch(all[i], items, step, job);
    }
  }
  for (auto& w : all) {
    if (w.pipe_end < 0) continue;
    kill(w.pid, SIGTERM);
    close(w.pipe_end);
    waitpid(w.pid, nullptr, 0);
  }
}

int run_apart(const std::function<void()>& job) {
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    job();
    std::fflush(nullptr);
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace hedgerow::sim
