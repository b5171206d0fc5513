#include "node/host.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include <sys/random.h>
#include <unistd.h>

#include "base/assert.h"

namespace hedgerow {
namespace {

constexpr milliseconds for_ever = std::chrono::hours{24 * 365 * 100};

}  // namespace

milliseconds countable(milliseconds timeout) {
  return std::clamp(timeout, -for_ever, for_ever);
}

boot_time deadline_after(milliseconds timeout) {
  return timeout >= for_ever ? boot_time::never() : net::boot_now() + countable(timeout);
}

error would_wait_for_itself() {
  return {errc::invalid_argument, "a blocking call on the loop's thread would wait for itself"};
}

error refused_by_system(const std::system_error& why) {
  const int number = why.code().value();
  if (number == EMFILE || number == ENFILE)
    return {why.code(), std::string("no file descriptor is left (") + why.what() +
                            "): raise the limit of open files (ulimit -n, LimitNOFILE=)"};
  return {why.code(),
          std::string("no thread could be started (") + why.what() +
              "): raise the limits of threads and memory (ulimit -u and -v, TasksMax=)"};
}

std::string thrown_by(std::string_view who) {
  try {
    throw;
  } catch (const std::exception& e) {
    return std::string(who) + " threw: " + e.what();
  } catch (...) {
    return std::string(who) + " threw something unknown";
  }
}

void user_log::write(severity level, std::string_view text) {
  if (!wants(level)) return;
  const auto control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
  if (std::none_of(text.begin(), text.end(), control)) {
    sink_(level, text);
    return;
  }
  std::string line(text);
  std::replace_if(line.begin(), line.end(), control, ' ');
  sink_(level, line);
}

void open_calls::send_done(std::uint64_t id, result<reply>&& outcome) {
  if (auto done = sends_.take(id)) (*done)(std::move(outcome));
}

void open_calls::broadcast_reply(std::uint64_t id, member_reply answer) {
  if (auto* const asked = broadcasts_.find(id)) asked->each(std::move(answer));
}

void open_calls::broadcast_done(std::uint64_t id) {
  if (auto asked = broadcasts_.take(id)) asked->done();
}

leader_info counted_down(leader_info told, boot_time since) {
  const auto gone = std::chrono::duration_cast<milliseconds>(net::boot_now() - since);
  told.remaining = std::max(milliseconds{0}, told.remaining - gone);
  return told;
}

result<reply> wait_for_reply(const net::event_loop& loop,
                             const std::function<void(std::function<void(result<reply>)>)>& start) {
  if (loop.on_loop_thread()) return tl::unexpected(would_wait_for_itself());
  const auto promise = std::make_shared<std::promise<result<reply>>>();
  start([promise](result<reply> outcome) { promise->set_value(std::move(outcome)); });
  return promise->get_future().get();
}

result<std::vector<member_reply>> wait_for_replies(
    const net::event_loop& loop, const std::function<void(broadcast_callback)>& start) {
  if (loop.on_loop_thread()) return tl::unexpected(would_wait_for_itself());
  // Answers come one after the other on the loop's thread, and the end after all of them.
  struct gathering {
    std::vector<member_reply> answers;
    std::promise<result<void>> done;
  };
  const auto all = std::make_shared<gathering>();
  start(broadcast_callback(
      [all](member_reply answer) { all->answers.push_back(std::move(answer)); },
      [all] { all->done.set_value({}); },
      [all] { all->done.set_value(fail(errc::stopped, "stopped before it was sent")); }));
  if (auto ok = all->done.get_future().get(); !ok) return tl::unexpected(std::move(ok).error());
  return std::move(all->answers);
}

std::uint64_t fresh_seed() {
  std::uint64_t seed = 0;
  HEDGEROW_ASSERT(getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
  return seed;
}

std::string host_name() {
  std::array<char, 256> text{};
  if (gethostname(text.data(), text.size() - 1) != 0) return {};
  return text.data();
}

}  // namespace hedgerow
