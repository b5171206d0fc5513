#pragma once
// What node and client share: the loop's thread, the user's callbacks of open calls, and the log.

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <hedgerow/message.h>
#include <hedgerow/node.h>
#include <hedgerow/options.h>

#include "base/id_table.h"
#include "net/event_loop.h"
#include "ports/log.h"

namespace hedgerow {

class user_log final : public ports::log {
 public:
  user_log(log_sink sink, severity least) : sink_(std::move(sink)), least_(least) {}
  // One line, whatever is in the names of others: control characters become spaces.
  void write(severity level, std::string_view text) override;
  bool wants(severity level) const override { return sink_ && level >= least_; }

 private:
  log_sink sink_;
  severity least_;
};

// A callback, or none, that is called exactly once: with an outcome, or, if it is dropped on the
// way, with errc::stopped.
template <class Outcome>
class once {
 public:
  explicit once(std::function<void(Outcome)> f) : f_(std::move(f)) {}
  once(once&& other) noexcept { f_.swap(other.f_); }
  once& operator=(once&&) = delete;
  ~once() {
    if (f_) f_(fail(errc::stopped, "stopped before the outcome was known"));
  }
  void operator()(Outcome&& outcome) {
    std::function<void(Outcome)> f;
    f.swap(f_);
    if (f) f(std::move(outcome));
  }

 private:
  std::function<void(Outcome)> f_;
};

using send_callback = once<result<reply>>;

// The same for a broadcast: `done` is called once, whatever becomes of it; if it is dropped on the
// way and there is a `dropped`, that one in its place.
class broadcast_callback {
 public:
  broadcast_callback(std::function<void(member_reply)> each, std::function<void()> done,
                     std::function<void()> dropped = {})
      : each_(std::move(each)), done_(std::move(done)), dropped_(std::move(dropped)) {}
  broadcast_callback(broadcast_callback&& other) noexcept
      : each_(std::move(other.each_)),
        done_(std::exchange(other.done_, nullptr)),
        dropped_(std::move(other.dropped_)) {}
  broadcast_callback& operator=(broadcast_callback&&) = delete;
  ~broadcast_callback() {
    if (done_ && dropped_) done_.swap(dropped_);
    done();
  }

  void each(member_reply answer) {
    if (each_) each_(std::move(answer));
  }
  void done() {
    if (auto f = std::exchange(done_, nullptr)) f();
  }

 private:
  std::function<void(member_reply)> each_;
  std::function<void()> done_;
  std::function<void()> dropped_;
};

// The calls whose outcome the user waits for. Confined to the loop's thread.
class open_calls {
 public:
  std::uint64_t add(send_callback&& done) {
    sends_.add(++last_, std::move(done));
    return last_;
  }
  std::uint64_t add(broadcast_callback&& done) {
    broadcasts_.add(++last_, std::move(done));
    return last_;
  }
  void send_done(std::uint64_t id, result<reply>&& outcome);
  void broadcast_reply(std::uint64_t id, member_reply answer);
  void broadcast_done(std::uint64_t id);

 private:
  std::uint64_t last_ = 0;
  base::id_table<send_callback> sends_;
  base::id_table<broadcast_callback> broadcasts_;
};

// A user's time in the bounds of what can be counted in nanoseconds: a hundred years either way.
// For waits, which would overflow and be over at once.
std::chrono::milliseconds countable(std::chrono::milliseconds timeout);
// The same as a deadline from now on; never() from a hundred years on.
boot_time deadline_after(std::chrono::milliseconds timeout);

// What was told of a leader at `since`, as it is now.
leader_info counted_down(leader_info told, boot_time since);

// Runs `start` with a callback, and waits for it. Not on the loop's thread: it would never come.
// Errors: stopped, if the callback is dropped.
result<reply> wait_for_reply(const net::event_loop& loop,
                             const std::function<void(std::function<void(result<reply>)>)>& start);
result<std::vector<member_reply>> wait_for_replies(
    const net::event_loop& loop, const std::function<void(broadcast_callback)>& start);

// Of a blocking call on the loop's thread.
error would_wait_for_itself();
// What the system refused: a thread or a descriptor, and what to do about it.
error refused_by_system(const std::system_error& why);

// What `make` returns. The parts of a node throw what the system refuses while they are made; that
// is the error then, as no exception leaves the library.
template <class Make>
auto or_refusal(const Make& make) -> decltype(make()) {
  try {
    return make();
  } catch (const std::system_error& why) {
    return tl::unexpected(refused_by_system(why));
  }
}
// In a catch block: what was thrown by `who`, in words.
std::string thrown_by(std::string_view who);

// Unpredictable; from the operating system.
std::uint64_t fresh_seed();
std::string host_name();

}  // namespace hedgerow
