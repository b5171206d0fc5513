#include "tools/stream_feed.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hedgerow::tools {
namespace {

// What a line costs beside its bytes; many short lines must not take many times the limit.
constexpr std::size_t overhead = 64;

}  // namespace

stream_feed::stream_feed(std::vector<stream> to, std::size_t waiting_bytes_max)
    : waiting_bytes_max_{waiting_bytes_max} {
  for (stream& one : to)
    lanes_.push_back({.to = std::move(one)});
  try {
    for (lane& one : lanes_)
      one.writer = std::thread{[this, &one] { write_lines(one); }};
  } catch (...) {
    end();
    throw;
  }
}

stream_feed::~stream_feed() {
  end();
}

void stream_feed::end() {
  finish();
  for (lane& one : lanes_)
    if (one.writer.joinable()) one.writer.join();
}

void stream_feed::close(lane& one) {
  one.live = false;
  one.waiting.clear();
}

void stream_feed::write_lines(lane& one) {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [&] { return !one.live || !one.waiting.empty() || finished_; });
    if (!one.live) return;
    if (one.waiting.empty()) break;
    const text line = std::move(one.waiting.front());
    one.waiting.pop_front();
    lock.unlock();
    const bool written = one.to.write(line).has_value();
    lock.lock();
    one.bytes -= line->size() + overhead;
    if (!written) close(one);
    changed_.notify_all();
  }
  lock.unlock();
  one.to.finish();
}

bool stream_feed::room(const lane& in, std::size_t cost) const {
  return in.bytes == 0 || in.bytes + cost <= waiting_bytes_max_;
}

bool stream_feed::any_live() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const lane& one) { return one.live; });
}

void stream_feed::make_room(std::unique_lock<std::mutex>& lock, lane& in, std::size_t cost) {
  const auto began = std::chrono::steady_clock::now();
  const bool made =
      changed_.wait_until(lock, began + in.patience, [&] { return !in.live || room(in, cost); });
  in.patience -=
      std::min<std::chrono::nanoseconds>(in.patience, std::chrono::steady_clock::now() - began);
  if (made) return;
  in.to.cancel(fmt::format("it does not keep up: {} bytes wait for it", in.bytes));
  close(in);
  changed_.notify_all();
}

bool stream_feed::put(std::string line) {
  const std::size_t cost = line.size() + overhead;
  const auto shared = std::make_shared<const std::string>(std::move(line));
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] {
    // A quarter: the fastest is to have no more than it can take soon.
    return !any_live() || std::any_of(lanes_.begin(), lanes_.end(), [&](const lane& one) {
      return one.live && one.bytes <= waiting_bytes_max_ / 4 && room(one, cost);
    });
  });
  bool any = false;
  for (lane& one : lanes_) {
    if (one.live && !room(one, cost)) make_room(lock, one, cost);
    if (!one.live) continue;
    one.waiting.push_back(shared);
    one.bytes += cost;
    any = true;
  }
  changed_.notify_all();
  return any;
}

void stream_feed::finish() {
  const std::lock_guard lock{mutex_};
  finished_ = true;
  changed_.notify_all();
}

void stream_feed::drop(std::size_t index) {
  const std::lock_guard lock{mutex_};
  close(lanes_.at(index));
  changed_.notify_all();
}

}  // namespace hedgerow::tools
