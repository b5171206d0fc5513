#include "sim/checkers/windows_checker.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

namespace hedgerow::sim {
namespace {

std::uint64_t connection_of(std::uint64_t side) {
  return side / 2;
}
std::size_t end_of(std::uint64_t side) {
  return side & 1U;
}

}  // namespace

void windows_checker::wrong(const flow& f, const std::string& text) {
  const auto& known = f[0].known ? f[0] : f[1];
  world_.violated("windows", fmt::format("stream {}: {}", known.end.number, text));
}

windows_checker::flow* windows_checker::find(std::uint64_t side, std::uint64_t stream) {
  const auto on = flows_.find(connection_of(side));
  if (on == flows_.end()) return nullptr;
  const auto at = on->second.find(stream);
  return at == on->second.end() ? nullptr : &at->second;
}

void windows_checker::on_carried(std::uint32_t process, std::uint64_t side,
                                 const message::any& what) {
  if (clients_.contains(process)) sides_of_clients_.insert(side);
  std::visit([&](const auto& m) { carried(process, side, m); }, what);
}

void windows_checker::promise(way& w, std::uint64_t side, std::uint64_t limit) {
  w.granted = limit;
  changed_.insert(side);
}

void windows_checker::say_consumed(const flow& f, const way& w, std::uint64_t messages) {
  if (!w.known) return;
  const auto consumed = users_.consumed(w.end).messages;
  if (messages > consumed)
    wrong(f, fmt::format("{} messages are said to be consumed, {} are", messages, consumed));
}

void windows_checker::carried(std::uint32_t /*process*/, std::uint64_t side,
                              const message::stream_open& what) {
  auto& f = flows_[connection_of(side)][what.stream];
  auto& w = f[end_of(side)];
  const auto number = streams_checker::number_of(what.metadata);
  if (w.known || !number) return wrong(f, "opened twice on one connection, or by nobody");
  w.known = true;
  w.end = {*number, 0};
  promise(w, side, what.limit);
}

void windows_checker::carried(std::uint32_t process, std::uint64_t side,
                              const message::stream_accept& what) {
  flow* const f = find(side, what.stream);
  if (f == nullptr) {
    world_.violated("windows", fmt::format("p{} takes what nobody opened", process));
    return;
  }
  auto& w = (*f)[end_of(side)];
  w.known = true;
  w.end = users_.newest_at((*f)[1 - end_of(side)].end.number, process);
  promise(w, side, what.limit);
}

void windows_checker::carried(std::uint32_t process, std::uint64_t side,
                              const message::stream_data& what) {
  flow* const f = find(side, what.stream);
  if (f == nullptr) {
    world_.violated("windows", fmt::format("p{} sends data of no stream", process));
    return;
  }
  auto& there = (*f)[1 - end_of(side)];
  there.sent += what.data.size();
  if (there.sent > there.heard)
    wrong(*f, fmt::format("p{} sends {} bytes, and may send {}", process, there.sent, there.heard));
  if (there.finished || (*f)[end_of(side)].over)
    wrong(*f, fmt::format("p{} sends data behind its finish or reset", process));
}

void windows_checker::carried(std::uint32_t process, std::uint64_t side,
                              const message::stream_credit& what) {
  flow* const f = find(side, what.stream);
  if (f == nullptr) return;
  auto& w = (*f)[end_of(side)];
  if (what.limit < w.granted)
    wrong(*f, fmt::format("p{} takes a promise back, of {} bytes to {}", process, w.granted,
                          what.limit));
  say_consumed(*f, w, what.consumed);
  promise(w, side, what.limit);
}

void windows_checker::carried(std::uint32_t process, std::uint64_t side,
                              const message::stream_finish& what) {
  flow* const f = find(side, what.stream);
  if (f == nullptr) return;
  if (std::exchange((*f)[1 - end_of(side)].finished, true))
    wrong(*f, fmt::format("p{} finishes twice", process));
}

void windows_checker::carried(std::uint32_t /*process*/, std::uint64_t side,
                              const message::stream_reset& what) {
  flow* const f = find(side, what.stream);
  if (f == nullptr) return;
  auto& w = (*f)[end_of(side)];
  say_consumed(*f, w, what.consumed);
  w.over = true;
}

// What the other end has heard, it may use.
void windows_checker::on_handed(std::uint64_t side, const message::any& what) {
  const auto heard = [&](std::uint64_t stream, std::uint64_t limit) {
    if (flow* const f = find(side, stream)) {
      auto& there = (*f)[1 - end_of(side)];
      there.heard = std::max(there.heard, limit);
    }
  };
  if (const auto* open = std::get_if<message::stream_open>(&what)) heard(open->stream, open->limit);
  if (const auto* taken = std::get_if<message::stream_accept>(&what))
    heard(taken->stream, taken->limit);
  if (const auto* credit = std::get_if<message::stream_credit>(&what))
    heard(credit->stream, credit->limit);
  if (const auto* data = std::get_if<message::stream_data>(&what)) {
    const flow* const f = find(side, data->stream);
    if (f != nullptr && (*f)[end_of(side)].known) users_.on_traffic((*f)[end_of(side)].end);
  }
  if (const auto* reset = std::get_if<message::stream_reset>(&what)) {
    if (flow* const f = find(side, reset->stream)) (*f)[end_of(side)].over = true;
  }
}

void windows_checker::settle() {
  if (changed_.empty()) return;
  for (const auto side : std::exchange(changed_, {})) {
    auto& all = flows_.at(connection_of(side));
    std::erase_if(all, [&](const auto& one) {
      return std::all_of(one.second.begin(), one.second.end(),
                         [&](const way& w) { return w.over || (w.known && users_.over(w.end)); });
    });
    std::uint64_t promised = 0;
    for (const auto& [stream, f] : all) {
      const way& w = f[end_of(side)];
      if (!w.known || w.over || users_.over(w.end)) continue;
      promised += w.granted - std::min(w.granted, users_.consumed(w.end).bytes);
    }
    const std::size_t most = sides_of_clients_.contains(side) ? limits::stream_windows_max : bytes_;
    if (promised > most)
      world_.violated(
          "windows", fmt::format("{} bytes are promised on side #{}, of {}", promised, side, most));
  }
}

}  // namespace hedgerow::sim
