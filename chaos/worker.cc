// hedgerow-chaos-worker: a service on Hedgerow's public library that does all it can at once and
// writes down what it did and saw. What breaks, breaks around it: nothing in here knows of faults.

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <hedgerow/node.h>
#include <pthread.h>
#include <unistd.h>

#include "chaos/caller.h"
#include "chaos/fenced_counter.h"
#include "chaos/history.h"
#include "chaos/identity.h"
#include "chaos/listener.h"
#include "chaos/worker_options.h"

namespace hedgerow::chaos {
namespace {

constexpr int shared_act_every = 20;
constexpr milliseconds pulse_every{100};
constexpr milliseconds start_again_after{200};
constexpr milliseconds stale_for{300};  // between a look at the token and its use, if unfenced

class worker {
 public:
  explicit worker(worker_options with)
      : with_(std::move(with)),
        history_(with_.history),
        acts_(with_.acts.empty() ? "/dev/null" : with_.acts),
        listener_(history_, self_),
        caller_(history_, with_) {}

  // Until SIGTERM, which the caller has blocked in all threads. The exit status.
  int run();

 private:
  bool open();
  // Calls it about so often, each time after a wait, until the end.
  void repeat(milliseconds every, const std::function<void()>& what);
  void act();
  void count();
  leadership look();
  bool pause(milliseconds time);

  const worker_options with_;
  history history_;
  append_file acts_;
  identity self_;
  listener listener_;
  caller caller_;
  std::unique_ptr<node> node_;  // before what it calls is gone, see run()
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::atomic<bool> failed_{false};
  std::uint64_t acted_ = 0;
  leadership remembered_;
  std::int64_t remembered_at_ = 0;
};

// False when it is time to end.
bool worker::pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return ending_; });
}

void worker::repeat(milliseconds every, const std::function<void()>& what) {
  while (pause(every))
    what();
}

// As a careful user asks: each time. The careless one believes for a lease what it was told once.
leadership worker::look() {
  if (with_.broken != flaw::remembers) return node_->leadership();
  const std::int64_t lease_us = with_.node.lease.count() * 1000;
  if (remembered_.leading() && true_us() - remembered_at_ < lease_us) return remembered_;
  remembered_at_ = true_us();
  return remembered_ = node_->leadership();
}

void worker::act() {
  const std::int64_t before = true_us();
  const leadership now = look();
  const std::int64_t after = true_us();
  if (!now.leading()) return;
  history_.add(json{{"e", "act"}, {"token", now.token}, {"a", before}, {"b", after}});
  if (++acted_ % shared_act_every == 0)
    acts_.write(fmt::format("{} {} {}\n", now.token, with_.node.name, after));
}

void worker::count() {
  fenced_counter counter(with_.counter, with_.broken != flaw::unfenced);
  repeat(with_.every.counter, [&] {
    const leadership now = node_->leadership();
    if (!now.leading()) return;
    if (with_.broken == flaw::unfenced && !pause(stale_for)) return;
    const std::int64_t before = true_us();
    const increment came = counter.add(now.token, with_.node.lease);
    json line{{"e", "counter"}, {"a", before}, {"b", true_us()}, {"token", now.token}};
    line["outcome"] = to_string(came.came_to);
    if (came.came_to == increment::outcome::done) {
      line["value"] = came.value;
      line["timeline"] = came.timeline;
    }
    history_.add(line);
  });
}

// A store that can't be reached at the moment is tried again, as a service manager would.
bool worker::open() {
  options how = with_.node;
  listener_.attach(how);
  how.on_failed = [this](const error& why) {
    history_.add(json{{"e", "failed"}, {"t", true_us()}, {"error", why.message()}});
    failed_ = true;
    kill(getpid(), SIGTERM);
  };
  how.log = [](severity level, std::string_view text) {
    fmt::print(stderr, "{} {} {}\n", true_us(), to_string(level), text);
  };
  for (;;) {
    auto started = node::start(how);
    if (started) {
      node_ = std::move(*started);
      return true;
    }
    fmt::print(stderr, "{} not started: {}\n", true_us(), started.error().message());
    timespec wait{0, std::chrono::nanoseconds(start_again_after).count()};
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    if (sigtimedwait(&end, nullptr, &wait) == SIGTERM) return false;
  }
}

int worker::run() {
  history_.add(json{{"e", "start"},
                    {"t", true_us()},
                    {"node", with_.node.name},
                    {"life", with_.life},
                    {"pid", getpid()}});
  std::vector<std::thread> threads;
  threads.emplace_back([this] { repeat(pulse_every, [this] { history_.note("pulse"); }); });
  const bool opened = open();
  if (opened) {
    const rates& every = with_.every;
    threads.emplace_back([this, every] { repeat(every.act, [this] { act(); }); });
    threads.emplace_back([this] { count(); });
    threads.emplace_back([this, every] { repeat(every.send, [this] { caller_.send(*node_); }); });
    threads.emplace_back(
        [this, every] { repeat(every.broadcast, [this] { caller_.broadcast(*node_); }); });
    threads.emplace_back(
        [this, every] { repeat(every.stream, [this] { caller_.stream_on(*node_); }); });
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    int number = 0;
    sigwait(&end, &number);
  }
  history_.note("stopping");
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& one : threads)
    one.join();
  if (node_) node_->stop();
  caller_.note_ends();
  node_.reset();
  history_.note("stopped");
  return failed_ ? 3 : 0;
}

}  // namespace
}  // namespace hedgerow::chaos

int main(int argc, char** argv) {
  // The threads inherit it: SIGTERM waits for the one who waits for it.
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &end, nullptr);
  signal(SIGPIPE, SIG_IGN);
  hedgerow::chaos::worker one(hedgerow::chaos::parse_options(argc, argv));
  return one.run();
}
