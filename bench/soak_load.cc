// The load of `./dev soak`: a client that sends, broadcasts and streams to a group of agents that
// echo, as fast as they answer, until its stdin ends, and then waits for every answer. Prints what
// it has asked and been answered once a second, a JSON object a line, and ends with 1 and the
// reason at the first call that was not answered as it must be.

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <hedgerow/client.h>
#include <poll.h>
#include <unistd.h>

#include "bench/lib/die.h"

namespace {

using namespace std::chrono_literals;
using hedgerow::bench::die;

constexpr std::chrono::milliseconds patience{30'000};
constexpr int sends_at_once = 16;
constexpr std::uint64_t streamed_messages = 400;
constexpr std::uint64_t streamed_ahead =
    32;  // of the echoes that are read: neither side's windows fill
// It comes and goes meanwhile, so what is on its way to it may fail.
constexpr std::string_view guest = "guest";

struct tally {
  std::atomic<std::uint64_t> sends{0}, broadcasts{0}, streamed{0}, streams{0};  // asked
  std::atomic<std::uint64_t> answered{0};                                       // of all of them

  std::uint64_t asked() const { return sends + broadcasts + streamed + streams; }
  void print() const {
    std::printf(
        "{\"sends\":%ju,\"broadcasts\":%ju,\"streamed\":%ju,\"streams\":%ju,\"asked\":%ju,"
        "\"answered\":%ju}\n",
        sends.load(), broadcasts.load(), streamed.load(), streams.load(), asked(), answered.load());
    std::fflush(stdout);
  }
};

// What a call that was made leaves to be waited for.
class pending {
 public:
  bool begin() {
    const std::lock_guard hold(lock_);
    if (stopping_) return false;
    ++count_;
    return true;
  }
  void end() {
    const std::lock_guard hold(lock_);
    --count_;
    changed_.notify_all();
  }
  void stop() {
    const std::lock_guard hold(lock_);
    stopping_ = true;
  }
  void wait() {
    std::unique_lock hold(lock_);
    if (!changed_.wait_for(hold, 2 * patience, [this] { return count_ == 0; }))
      die(std::to_string(count_) + " calls have not been answered long after their deadline");
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  int count_ = 0;
  bool stopping_ = false;
};

class load {
 public:
  explicit load(hedgerow::client& to) : to_(to) {}

  void start() {
    for (int i = 0; i < sends_at_once; ++i)
      send();
    broadcast();
    streaming_ = std::thread([this] { stream_on(false); });
    streaming_to_all_ = std::thread([this] { stream_on(true); });
  }
  void finish() {
    pending_.stop();
    streaming_.join();
    streaming_to_all_.join();
    pending_.wait();
  }
  const tally& count() const { return tally_; }

 private:
  void send();
  void broadcast();
  void stream_on(bool to_all);
  void pass_through(hedgerow::stream& s);
  void stream_to_guest(hedgerow::stream& s);

  hedgerow::client& to_;
  tally tally_;
  pending pending_;
  std::thread streaming_, streaming_to_all_;
};

// Mostly small; some fill a window, and a few are long.
const std::string& payload(std::uint64_t number) {
  static const std::array<std::string, 3> sizes{std::string(64, 's'), std::string(8 * 1024, 'm'),
                                                std::string(512 * 1024, 'l')};
  return sizes.at(number % 512 == 0 ? 2 : number % 16 == 0 ? 1 : 0);
}

void check_echo(std::string_view echo, std::string_view said) {
  if (!echo.ends_with(said) || echo.size() > said.size() + 64) die("an answer is no echo");
}

void load::send() {
  if (!pending_.begin()) return;
  const std::string& what = payload(++tally_.sends);
  to_.send(what, patience, [this, &what](hedgerow::result<hedgerow::reply> r) {
    if (!r) die("a send failed: " + r.error().message());
    check_echo(r->payload, what);
    ++tally_.answered;
    send();
    pending_.end();
  });
}

void load::broadcast() {
  if (!pending_.begin()) return;
  const std::string& what = payload(++tally_.broadcasts);
  hedgerow::broadcast_options how;
  how.timeout = patience;
  to_.broadcast(
      what, how,
      [&what](const hedgerow::member_reply& r) {
        if (r.answer) return check_echo(*r.answer, what);
        if (r.name != guest) die("a broadcast to " + r.name + ": " + r.answer.error().message());
      },
      [this] {
        ++tally_.answered;
        broadcast();
        pending_.end();
      });
}

// Writes, reads the echoes in their order, and sees both sides end.
void load::pass_through(hedgerow::stream& s) {
  const auto check_next = [&](std::uint64_t number) {
    const auto echo = s.read();
    if (!echo) die("the echo of a stream: " + echo.error().message());
    if (!*echo) die("a stream finished before its last echo");
    check_echo(**echo, payload(number));
    ++tally_.answered;
  };
  ++tally_.streams;
  for (std::uint64_t i = 1; i <= streamed_messages; ++i) {
    ++tally_.streamed;
    if (auto ok = s.write(payload(i)); !ok) die("a message of a stream: " + ok.error().message());
    if (i > streamed_ahead) check_next(i - streamed_ahead);
  }
  s.finish();
  for (std::uint64_t i = streamed_messages - streamed_ahead + 1; i <= streamed_messages; ++i)
    check_next(i);
  const auto end = s.wait();
  if (!end.outcome) die("the end of a stream: " + end.outcome.error().message());
  if (end.acknowledged != streamed_messages) die("a stream ended well, but not all was consumed");
  ++tally_.answered;
}

void load::stream_to_guest(hedgerow::stream& s) {
  if (!s.write(payload(1))) return;
  s.finish();
  const auto echo = s.read();
  if (echo && *echo) check_echo(**echo, payload(1));
}

void load::stream_on(bool to_all) {
  hedgerow::stream_options how;
  how.opening = patience;
  while (pending_.begin()) {
    if (to_all) {
      auto all = to_.open_streams(how);
      if (!all) die("streams to all: " + all.error().message());
      for (auto& one : *all)
        one.name == guest ? stream_to_guest(one.stream) : pass_through(one.stream);
    } else {
      auto one = to_.open_stream(how);
      if (!one) die("a stream: " + one.error().message());
      pass_through(*one);
    }
    pending_.end();
  }
}

bool stdin_has_ended(std::chrono::milliseconds within) {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  if (poll(&in, 1, static_cast<int>(within.count())) <= 0) return false;
  char byte = 0;
  return read(STDIN_FILENO, &byte, 1) == 0;
}

}  // namespace

// STORE SECRET_FILE
int main(int argc, char** argv) {
  if (argc != 3) die("usage: hedgerow-bench-soak-load STORE SECRET_FILE");
  hedgerow::client_options with;
  with.store = argv[1];
  with.security.secret_file = argv[2];
  auto to = hedgerow::client::start(with);
  if (!to) die(to.error().message());
  if (auto ok = (*to)->wait_for_leader(patience); !ok) die(ok.error().message());
  load all(**to);
  all.start();
  while (!stdin_has_ended(1s))
    all.count().print();
  all.finish();
  all.count().print();
  return 0;
}
