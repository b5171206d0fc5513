// The data of streams, within their windows.

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "base/little_endian.h"
#include "base/mutant.h"
#include "base/probe.h"
#include "core/messaging/streams.h"

namespace hedgerow::core {
namespace {

using message::request_kind;
using message::stream_code;
using stage = stream_end_state::stage;

constexpr std::size_t length_size = message::stream_length_bytes;
constexpr nanoseconds acknowledge_within = milliseconds{5};
constexpr nanoseconds starving_max = std::chrono::seconds{10};

}  // namespace

// What is sent.

void streams::write(boot_time now, stream_id id, slice bytes, std::uint64_t messages,
                    stream_effects& out) {
  end_state* const e = find(id);
  if (e == nullptr || e->finished) return;
  e->messages += messages;
  if (!bytes.empty()) e->queue.push_back(std::move(bytes));
  make_ready(*e);
  pump(now, e->connection, out);
}

void streams::finish(boot_time now, stream_id id, stream_effects& out) {
  end_state* const e = find(id);
  if (e == nullptr || e->finished) return;
  e->finished = true;
  make_ready(*e);
  pump(now, e->connection, out);
}

void streams::make_ready(end_state& e) {
  if (e.ready || e.now != stage::open) return;
  const bool window = e.sent < e.sent_max || HEDGEROW_MUTANT(stream_window_ignored);
  const bool data = !e.queue.empty() && window;
  const bool last = e.queue.empty() && e.finished && !e.finish_sent;
  if (!data && !last) return;
  e.ready = true;
  lines_.at(e.connection).ready.push_back(e.id);
}

// One frame of each stream after the other, as long as the connection's queue is short.
void streams::pump(boot_time now, std::uint64_t connection, stream_effects& out) {
  for (;;) {
    const auto at = lines_.find(connection);
    if (at == lines_.end() || at->second.ready.empty()) return;
    if (at->second.queued >= limits::stream_lane_bytes) return;
    end_state& e = *find(at->second.ready.front());
    at->second.ready.pop_front();
    e.ready = false;
    send_one(now, e, at->second, out);
  }
}

void streams::send_one(boot_time now, end_state& e, line& on, stream_effects& out) {
  if (!e.queue.empty()) {
    slice& front = e.queue.front();
    std::size_t count = std::min(front.size(), limits::stream_frame_bytes);
    if (!HEDGEROW_MUTANT(stream_window_ignored))
      count = std::min<std::size_t>(count, e.sent_max - e.sent);
    HEDGEROW_PROBE_IF(count < std::min(front.size(), limits::stream_frame_bytes),
                      stream_cut_by_window);
    message::stream_data frame{e.wire, front.first(count)};
    front.remove_prefix(count);
    if (front.empty()) e.queue.pop_front();
    e.sent += count;
    e.active = now;
    on.queued += count;
    out.emplace_back(stream_effect::transmit{e.connection, std::move(frame)});
    out.emplace_back(stream_effect::taken{e.id, count});
  }
  if (e.queue.empty() && e.finished && !e.finish_sent) {
    e.finish_sent = true;
    out.emplace_back(stream_effect::transmit{e.connection, message::stream_finish{e.wire}});
    close_if_over(e, out);
    return;
  }
  make_ready(e);
}

void streams::on_drained(boot_time now, std::uint64_t connection, std::size_t bytes,
                         stream_effects& out) {
  const auto at = lines_.find(connection);
  if (at == lines_.end()) return;
  at->second.queued -= std::min(bytes, at->second.queued);
  if (at->second.queued == 0 && at->second.streams.empty()) {
    lines_.erase(at);
  } else {
    pump(now, connection, out);
  }
}

void streams::on_credit(boot_time now, std::uint64_t connection, const message::stream_credit& what,
                        stream_effects& out) {
  end_state* const e = find(connection, what.stream);
  if (e == nullptr) return;
  if (e->now != stage::open || what.consumed > e->messages) {
    reset(*e, stream_code::violation, "credit for what was never sent", out);
    return;
  }
  e->sent_max = std::max(e->sent_max, what.limit);
  if (what.consumed > e->acknowledged) {
    e->acknowledged = what.consumed;
    out.emplace_back(stream_effect::acknowledged{e->id, e->acknowledged});
  }
  make_ready(*e);
  close_if_over(*e, out);
  pump(now, connection, out);
}

// What is received.

void streams::on_data(boot_time now, std::uint64_t connection, message::stream_data&& what,
                      fencing_token acting, stream_effects& out) {
  end_state* const e = find(connection, what.stream);
  HEDGEROW_PROBE_IF(e == nullptr, stream_data_after_end);
  if (e == nullptr) return;  // it has ended here, and the other side does not know yet
  e->active = now;
  if (e->now != stage::open || e->peer_finished || what.data.size() > e->granted - e->received) {
    reset(*e, stream_code::violation, "more data than it may send", out);
    return;
  }
  const bool for_leader = !e->opener && e->kind == request_kind::send;
  if (for_leader && e->token != acting && !HEDGEROW_MUTANT(stream_without_lease)) {
    reset(*e, stream_code::leadership_lost, "the node that had taken it lost leadership", out);
    return;
  }
  e->received += what.data.size();
  const stream_id id = e->id;
  while (!what.data.empty() && find(id) != nullptr) {
    if (!take_whole(*e, what.data, out)) take_part(now, *e, what.data, out);
  }
}

// Messages that have arrived in one piece go on as they are, many at once.
bool streams::take_whole(end_state& e, slice& rest, stream_effects& out) {
  if (e.length_bytes != 0) return false;
  const std::string_view text = rest.text;
  std::size_t end_of_last = 0;
  std::uint64_t count = 0;
  while (text.size() - end_of_last >= length_size) {
    const std::size_t size = base::load_u32(text.data() + end_of_last);
    if (size > with_.message_bytes_max || text.size() - end_of_last - length_size < size) break;
    end_of_last += length_size + size;
    ++count;
  }
  if (count == 0) return false;
  e.messages_in += count;
  out.emplace_back(stream_effect::arrived{e.id, rest.first(end_of_last), true});
  rest.remove_prefix(end_of_last);
  return true;
}

void streams::take_part(boot_time now, end_state& e, slice& rest, stream_effects& out) {
  if (e.length_bytes < length_size) {
    const auto count = std::min<std::size_t>(length_size - e.length_bytes, rest.size());
    std::memcpy(e.length + e.length_bytes, rest.text.data(), count);
    e.length_bytes = static_cast<std::uint8_t>(e.length_bytes + count);
    rest.remove_prefix(count);
    HEDGEROW_PROBE_IF(e.length_bytes < length_size, stream_length_in_two_pieces);
    if (e.length_bytes < length_size) return;
    if (!begin_message(now, e, out)) {
      rest = {};
      return;
    }
    if (e.size > 0) return;
  }
  const std::size_t count = std::min(e.size - e.part.size(), rest.size());
  slice whole;
  if (count == e.size) {
    whole = rest.first(count);
  } else {
    e.part.append(rest.text.substr(0, count));
    if (e.part.size() == e.size)
      whole = slice(std::make_shared<const std::string>(std::exchange(e.part, {})));
  }
  rest.remove_prefix(count);
  if (whole.size() < e.size) return;
  e.length_bytes = 0;
  ++e.messages_in;
  out.emplace_back(stream_effect::arrived{e.id, std::move(whole), false});
}

// Its length is known: the window must have room for it. False: it is too long, and the stream has
// ended.
bool streams::begin_message(boot_time now, end_state& e, stream_effects& out) {
  e.size = base::load_u32(e.length);
  if (e.size > with_.message_bytes_max) {
    reset(e, stream_code::too_large,
          "a message of " + std::to_string(e.size) + " bytes; the limit is " +
              std::to_string(with_.message_bytes_max),
          out);
    return false;
  }
  const std::size_t needed = length_size + e.size;
  if (needed <= e.window) return true;
  if (widen(e, needed)) {
    send_credit(e, out);
    return true;
  }
  HEDGEROW_PROBE(stream_starves);
  e.starved_for = needed;
  e.starved_until = now + starving_max;
  lines_.at(e.connection).starved.push_back(e.id);
  schedule(e);
  return true;
}

// False if the connection's budget does not allow it.
bool streams::widen(end_state& e, std::size_t window) {
  auto& on = lines_.at(e.connection);
  const std::size_t owed = e.granted - std::min(e.granted, e.consumed);
  const std::size_t promise = std::max(window, owed);
  if (promise > e.promised && on.promised - e.promised + promise > with_.connection_bytes)
    return false;
  on.promised = on.promised - e.promised + promise;
  e.promised = promise;
  e.window = window;
  return true;
}

void streams::feed_starved(line& on, stream_effects& out) {
  while (!on.starved.empty()) {
    end_state& e = *find(on.starved.front());
    if (!widen(e, e.starved_for)) return;
    HEDGEROW_PROBE(stream_fed_again);
    on.starved.pop_front();
    e.starved_for = 0;
    e.starved_until = boot_time::never();
    schedule(e);
    send_credit(e, out);
  }
}

void streams::consumed(boot_time now, stream_id id, std::uint64_t messages, std::size_t bytes,
                       stream_effects& out) {
  end_state* const e = find(id);
  if (e == nullptr || messages == 0) return;
  e->consumed += bytes + length_size * messages;
  e->messages_consumed += messages;
  HEDGEROW_ASSERT(e->consumed <= e->received && e->messages_consumed <= e->messages_in);
  settle_window(now, *e, out);
  confirm_finish(*e, out);
}

// The other half of the connection's bytes is for the first windows of new streams and for long
// messages: streams that stand still keep what they have once grown to.
void streams::grow(end_state& e) {
  if (e.usual >= limits::stream_window_max || e.consumed - e.widened_at < e.usual) return;
  const std::size_t usual = std::min(2 * e.usual, limits::stream_window_max);
  const std::size_t others = lines_.at(e.connection).promised - e.promised;
  HEDGEROW_PROBE_IF(others + usual > with_.connection_bytes / 2, stream_may_not_grow);
  if (others + usual > with_.connection_bytes / 2) return;
  HEDGEROW_PROBE(stream_window_grows);
  e.usual = usual;
  e.widened_at = e.consumed;
}

void streams::settle_window(boot_time now, end_state& e, stream_effects& out) {
  if (e.starved_for == 0) grow(e);
  const std::size_t pending = e.length_bytes == length_size ? length_size + e.size : 0;
  const std::size_t window = e.starved_for == 0 ? std::max(e.usual, pending) : e.usual;
  if (window != e.window || e.promised > e.window) {
    const std::size_t before = e.promised;
    widen(e, window);
    if (e.promised < before) feed_starved(lines_.at(e.connection), out);
  }
  const std::uint64_t limit = e.consumed + e.window;
  if (limit > e.granted && limit - e.granted >= e.window / 2) {
    send_credit(e, out);
  } else {
    acknowledge_later(now, e);
  }
}

void streams::send_credit(end_state& e, stream_effects& out) {
  e.granted = std::max(e.granted, e.consumed + e.window);
  e.unacknowledged = false;
  const auto consumed =
      HEDGEROW_MUTANT(stream_acknowledges_arrival) ? e.messages_in : e.messages_consumed;
  out.emplace_back(
      stream_effect::transmit{e.connection, message::stream_credit{e.wire, e.granted, consumed}});
}

void streams::acknowledge_later(boot_time now, end_state& e) {
  if (std::exchange(e.unacknowledged, true)) return;
  if (acknowledge_at_ == boot_time::never()) acknowledge_at_ = now + acknowledge_within;
  unacknowledged_.push_back(e.id);
}

void streams::on_finish(boot_time now, std::uint64_t connection, const message::stream_finish& what,
                        stream_effects& out) {
  end_state* const e = find(connection, what.stream);
  if (e == nullptr) return;
  if (e->now != stage::open || e->peer_finished || e->length_bytes != 0) {
    reset(*e, stream_code::violation, "a finish that does not come behind whole messages", out);
    return;
  }
  e->peer_finished = true;
  e->active = now;
  out.emplace_back(stream_effect::finished{e->id});
  confirm_finish(*e, out);
}

}  // namespace hedgerow::core
