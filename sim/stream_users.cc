#include "sim/stream_users.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/little_endian.h"

namespace hedgerow::sim {
namespace {

using message::request_kind;
using message::stream_code;

constexpr std::size_t length_size = message::stream_length_bytes;
constexpr std::size_t ends_max = 12;  // of one process, before it opens no more
constexpr true_time idle_gap = 300 * millisecond;

// What a stream_open event is for.
enum opening : std::uint64_t { at_random, greeting };

}  // namespace

stream_users::stream_users(stream_world& in, const endpoint& at, engine::stream_user& node,
                           std::function<view_ptr()> view)
    : in_(in),
      at_(at),
      node_(node),
      view_(std::move(view)),
      random_(base::mix(in.with.seed ^ (0x57ea0000ULL + at.id))) {}

void stream_users::start() {
  if (!in_.with.streams) return;
  in_.world.plan(in_.world.now + random_.between(0, 2 * in_.with.stream_gap),
                 event_kind::stream_open, at_.id, at_random);
}

void stream_users::take(const event& e) {
  if (e.kind == event_kind::stream_turn) {
    turn(e.a);
    return;
  }
  if (e.a == greeting) {
    greet();
    return;
  }
  in_.world.plan(in_.world.now + random_.between(0, 2 * in_.with.stream_gap),
                 event_kind::stream_open, at_.id, at_random);
  if (!in_.peace && ends_.size() < ends_max) open_some();
}

// Some greet whoever is new as soon as they see it: it may not have heard yet that it is a member.
void stream_users::on_view(const view_change& change) {
  if (!in_.with.streams || in_.peace || !random_.chance(0.3)) return;
  for (const auto& m : change.added) {
    if (m.incarnation != at_.self.incarnation)
      newcomers_.push_back({m.name, m.address, m.incarnation});
  }
  in_.world.plan(in_.world.now, event_kind::stream_open, at_.id, greeting);
}

void stream_users::greet() {
  for (const auto& who : std::exchange(newcomers_, {})) {
    if (!in_.peace && ends_.size() < ends_max) open_one(request_kind::broadcast, who);
  }
}

std::string stream_users::state() const {
  if (ends_.empty()) return {};
  const auto& [id, u] = *ends_.begin();
  return fmt::format("p{} has {} streams; the first, {}, {}: received {}, unread {}, {}{}", at_.id,
                     ends_.size(), id, u.opener ? "opened here" : "taken", u.received,
                     u.unread.size(), u.finish ? "has finished" : "goes on",
                     u.finished ? ", so has the other" : "");
}

void stream_users::open_some() {
  if (random_.chance(0.6)) {
    open_one(request_kind::send, {});
    return;
  }
  // The view may change meanwhile: ends of streams can be told within these calls.
  const auto view = view_();
  std::size_t count = 0;
  for (const auto& m : view->members) {
    if (count >= 4 || random_.chance(0.3)) continue;
    ++count;
    open_one(request_kind::broadcast, core::target{m.name, m.address, m.incarnation});
  }
}

void stream_users::open_one(request_kind kind, const std::optional<core::target>& to) {
  auto& k = in_.world;
  const true_time lease = in_.with.lease();
  const true_time patiences[] = {100 * millisecond, lease, 3 * lease};
  const boot_time here = in_.clocks.boot_at(at_.slot, k.now);
  core::stream_request what;
  what.kind = kind;
  what.to = to;
  what.opening_deadline = here + nanoseconds{patiences[random_.below(std::size(patiences))]};
  true_time over_by = forever;
  if (random_.chance(0.3)) {
    what.deadline = here + nanoseconds{random_.between(10 * millisecond, 4 * lease)};
    over_by = in_.clocks.when_boot(at_.slot, what.deadline);
  }
  if (random_.chance(0.2)) what.idle = nanoseconds{random_.between(10 * millisecond, lease)};
  const auto id = node_.new_stream_id();
  const auto number =
      in_.checker.begin(at_.id, id, kind, in_.clocks.when_boot(at_.slot, what.opening_deadline),
                        over_by, what.idle.count());
  what.metadata[streams_checker::number_key] = std::to_string(number);
  if (k.trace.wants(detail::statements))
    k.trace.say(k.now, fmt::format("p{} opens stream {} as {}", at_.id, number, id));
  ends_[id] = drawn(true);
  node_.open_stream(id, std::move(what));
  if (still(id)) plan_turn(id);
}

stream_users::user stream_users::drawn(bool opener) {
  user u;
  u.opener = opener;
  u.slow = random_.chance(0.55);
  if (random_.chance(0.2)) u.stops_after = random_.chance(0.5) ? 0 : random_.below(12);
  u.echoes = !opener && random_.chance(0.5);
  u.leaves_open = random_.chance(0.15);
  if (opener || random_.chance(0.3)) u.to_write = random_.below(random_.chance(0.2) ? 300 : 20);
  u.leaves_early = random_.chance(0.05);
  if (random_.chance(0.1)) u.cancel_after = 1 + random_.below(20);
  const true_time gaps[] = {2 * millisecond, 20 * millisecond, 150 * millisecond};
  u.gap = gaps[random_.below(std::size(gaps))];
  return u;
}

void stream_users::plan_turn(core::stream_id id) {
  const auto& u = ends_.at(id);
  const bool writes = u.to_write > 0 && u.waiting < limits::stream_buffer_bytes;
  const bool busy = writes || (u.consumed < u.stops_after && !u.unread.empty());
  const true_time gap = in_.peace ? 10 * millisecond : busy ? u.gap : idle_gap;
  in_.world.plan(in_.world.now + random_.between(gap / 2, 2 * gap), event_kind::stream_turn, at_.id,
                 id);
}

void stream_users::turn(core::stream_id id) {
  const auto at = ends_.find(id);
  if (at == ends_.end()) return;
  user& u = at->second;
  if (in_.peace) {
    u.slow = false;
    u.stops_after = endlessly;
    u.to_write = u.cancel_after = 0;
    u.leaves_open = u.echoes = u.leaves_early = false;
  }
  const auto several = 1 + random_.below(4);
  consume(id, u.slow ? several : u.unread.size());
  for (auto i = several; i > 0 && still(id) && u.to_write > 0; --i)
    write(id);
  if (!still(id)) return;
  const bool enough = u.cancel_after > 0 && u.received >= u.cancel_after;
  if (enough || (u.leaves_early && random_.chance(0.2))) {
    node_.stream_cancel(id, u.opener ? stream_code::cancelled : stream_code::handler_failed,
                        "has seen enough");
    return;
  }
  const bool last = u.opener || in_.peace || (u.finished && u.unread.empty());
  if (!u.finish && u.to_write == 0 && !u.leaves_open && last) finish(id);
  if (still(id)) plan_turn(id);
}

// Mostly small; some are longer than a first window, a few than any other.
std::size_t stream_users::size_of_next() {
  const auto most = static_cast<std::int64_t>(in_.with.node.payload_bytes_max);
  const auto dice = random_.below(1000);
  std::int64_t size = random_.between(0, 200);
  if (dice >= 700) size = random_.between(0, 8'000);
  if (dice >= 930) size = random_.between(0, 60'000);
  if (dice >= 992) size = random_.between(60'000, 400'000);
  if (dice >= 999) size = random_.between(1'000'000, 1'500'000);
  return static_cast<std::size_t>(std::min(size, most));
}

void stream_users::write(core::stream_id id) {
  user& u = ends_.at(id);
  if (u.finish) {
    u.to_write = 0;
    return;
  }
  if (u.waiting >= limits::stream_buffer_bytes) {
    if (!std::exchange(u.stalled, true)) in_.world.tally.hit(fault::stream_stalled);
    return;
  }
  u.stalled = false;
  --u.to_write;
  const auto bytes =
      std::make_shared<const std::string>(in_.checker.write(at_.id, id, size_of_next()));
  if (bytes->size() > limits::stream_window_first) in_.world.tally.hit(fault::stream_long_message);
  u.waiting += bytes->size();
  // In two parts, at times within the length.
  const std::size_t cut = random_.chance(0.8) ? 0 : random_.below(bytes->size());
  slice rest(bytes);
  if (cut > 0) node_.stream_write(id, rest.first(cut), 0);
  rest.remove_prefix(cut);
  node_.stream_write(id, rest, 1);
}

void stream_users::consume(core::stream_id id, std::uint64_t messages) {
  user& u = ends_.at(id);
  std::uint64_t count = 0;
  std::size_t size = 0;
  for (; count < messages && !u.unread.empty() && u.consumed < u.stops_after; ++count) {
    ++u.consumed;
    in_.checker.consume(at_.id, id, u.unread.front());
    size += u.unread.front();
    u.unread.pop_front();
  }
  if (u.echoes) u.to_write += count;
  if (count > 0) node_.stream_consumed(id, count, size);
}

void stream_users::finish(core::stream_id id) {
  ends_.at(id).finish = true;
  in_.checker.finish(at_.id, id);
  node_.stream_finish(id);
}

void stream_users::on_offered(core::stream_id id, const core::stream_offer& what) {
  const bool limited = what.deadline != boot_time::never();
  in_.checker.on_offered(at_.id, id, what,
                         limited ? in_.clocks.when_boot(at_.slot, what.deadline) : forever);
  ends_[id] = drawn(false);
  if (random_.chance(0.03)) {
    in_.world.tally.hit(fault::stream_refused);
    node_.stream_cancel(id, stream_code::handler_failed, "no handler");
  } else {
    plan_turn(id);
  }
}

void stream_users::on_open(core::stream_id id, const std::string& from, fencing_token token) {
  in_.checker.on_open(at_.id, id, from, token);
}

void stream_users::on_messages(core::stream_id id, const slice& block, bool whole) {
  const auto at = ends_.find(id);
  std::uint64_t count = 0;
  for (std::string_view rest = block.text; whole ? !rest.empty() : count == 0; ++count) {
    const std::size_t size = whole ? base::load_u32(rest.data()) : rest.size();
    if (whole) rest.remove_prefix(length_size);
    in_.checker.on_message(at_.id, id, rest.substr(0, size));
    if (at != ends_.end()) at->second.unread.push_back(size);
    rest.remove_prefix(size);
  }
  if (at == ends_.end()) return;
  at->second.received += count;
  if (!at->second.slow) consume(id, count);
}

void stream_users::on_finished(core::stream_id id) {
  in_.checker.on_finished(at_.id, id);
  const auto at = ends_.find(id);
  if (at != ends_.end()) at->second.finished = true;
}

void stream_users::on_taken(core::stream_id id, std::size_t bytes) {
  const auto at = ends_.find(id);
  if (at == ends_.end() || at->second.waiting < bytes) {
    in_.world.violated("streams", fmt::format("p{}, end {}: {} bytes left that were not written",
                                              at_.id, id, bytes));
    return;
  }
  at->second.waiting -= bytes;
  in_.checker.on_taken(at_.id, id);
}

void stream_users::on_acknowledged(core::stream_id id, std::uint64_t messages) {
  in_.checker.on_acknowledged(at_.id, id, messages);
}

void stream_users::on_end(core::stream_id id, const stream_end& how) {
  in_.checker.on_end(at_.id, id, how);
  ends_.erase(id);
  auto& k = in_.world;
  if (k.trace.wants(detail::statements))
    k.trace.say(k.now, fmt::format("p{}, end {}: {}", at_.id, id,
                                   how.outcome ? "well" : how.outcome.error().message()));
}

}  // namespace hedgerow::sim
