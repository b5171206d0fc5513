#include "sim/checkers/streams_checker.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace hedgerow::sim {
namespace {

using message::request_kind;

constexpr true_time slack = 500 * millisecond;
constexpr std::size_t length_size = message::stream_length_bytes;

struct label {
  std::uint64_t number = 0;
  std::size_t side = 0;
  std::uint64_t index = 0;
};

std::string text_of(const label& l) {
  return fmt::format("{}/{}/{}/", l.number, l.side, l.index);
}

std::optional<label> label_of(std::string_view message) {
  label found;
  const auto next = [&](auto& value) {
    const auto slash = message.find('/');
    if (slash == std::string_view::npos) return false;
    const auto* end = message.data() + slash;
    const auto parsed = std::from_chars(message.data(), end, value);
    message.remove_prefix(slash + 1);
    return parsed.ec == std::errc() && parsed.ptr == end;
  };
  if (!next(found.number) || !next(found.side) || !next(found.index)) return std::nullopt;
  return found;
}

}  // namespace

void streams_checker::wrong(std::uint64_t number, const std::string& text) {
  world_.violated("streams", fmt::format("stream {}: {}", number, text));
}

void streams_checker::place(std::uint32_t process, core::stream_id id, const end_id& end) {
  if (process >= places_.size()) places_.resize(process + 1);
  places_[process][id] = end;
}

streams_checker::side* streams_checker::find(std::uint32_t process, core::stream_id id,
                                             std::string_view what) {
  if (process >= places_.size()) places_.resize(process + 1);
  const auto at = places_[process].find(id);
  if (at == places_[process].end()) {
    wrong(0, fmt::format("{} for end {} of p{}, which was never told of it", what, id, process));
    return nullptr;
  }
  auto& s = streams_[at->second.number].sides[at->second.side];
  if (s.ended) {
    wrong(at->second.number, fmt::format("{} at p{} after its end", what, process));
    return nullptr;
  }
  return &s;
}

std::uint64_t streams_checker::begin(std::uint32_t process, core::stream_id id, request_kind kind,
                                     true_time taken_by, true_time over_by, true_time idle) {
  const std::uint64_t number = streams_.size();
  auto& r = streams_.emplace_back();
  r.kind = kind;
  r.taken_by = taken_by;
  auto& s = r.sides.emplace_back();
  s.process = process;
  s.over_by = over_by;
  s.idle = idle;
  place(process, id, {number, 0});
  world_.plan(taken_by + slack, event_kind::stream_check, 0, number);
  if (over_by != forever) world_.plan(over_by + slack, event_kind::stream_check, 0, number);
  return number;
}

std::string streams_checker::write(std::uint32_t process, core::stream_id id, std::size_t size) {
  const auto& at = place_of(process, id);
  auto& s = streams_[at.number].sides[at.side];
  const std::string label = text_of({at.number, at.side, s.written.size()});
  const std::size_t bytes = std::max(size, label.size());
  std::string text;
  text.reserve(length_size + bytes);
  message::append_stream_length(text, bytes);
  text.append(label);
  text.resize(length_size + bytes, '.');
  s.written.push_back(bytes);
  return text;
}

void streams_checker::finish(std::uint32_t process, core::stream_id id) {
  const auto& at = place_of(process, id);
  streams_[at.number].sides[at.side].finish = true;
}

void streams_checker::consume(std::uint32_t process, core::stream_id id, std::size_t size) {
  const auto& at = place_of(process, id);
  auto& s = streams_[at.number].sides[at.side];
  ++s.consumed.messages;
  s.consumed.bytes += size + length_size;
  s.unread_bytes -= size + length_size;
}

void streams_checker::on_offered(std::uint32_t process, core::stream_id id,
                                 const core::stream_offer& what, true_time over_by) {
  const auto named = number_of(what.metadata);
  if (!named || *named >= streams_.size()) {
    wrong(0, fmt::format("p{} was offered a stream that nobody has opened", process));
    return;
  }
  const std::uint64_t number = *named;
  world_.trace.mix(number ^ process);
  auto& r = streams_[number];
  if (what.kind != r.kind) wrong(number, "offered as another kind of stream");
  if (what.from != lives_.of(r.sides[0].process).name)
    wrong(number, fmt::format("offered as of '{}'", what.from));
  if (r.kind == request_kind::send && !acts_.covers(process, what.token))
    wrong(number, fmt::format("p{} takes it under token {}, whose lease is not valid now", process,
                              what.token));
  place(process, id, {number, r.sides.size()});
  if (over_by != forever)
    world_.plan(over_by + slack, event_kind::stream_check, 0, number, r.sides.size());
  auto& s = r.sides.emplace_back();
  s.process = process;
  s.open = true;
  s.token = what.token;
  s.over_by = over_by;
  s.idle = r.sides[0].idle;
  begin_to_count({number, r.sides.size() - 1}, s);
}

void streams_checker::on_open(std::uint32_t process, core::stream_id id, const std::string& from,
                              fencing_token token) {
  side* s = find(process, id, "an opening");
  if (s == nullptr) return;
  const auto number = place_of(process, id).number;
  if (s->open) wrong(number, fmt::format("taken again, by '{}'", from));
  s->open = true;
  begin_to_count(place_of(process, id), *s);
  s->token = token;
  const auto& sides = streams_[number].sides;
  const bool known = std::any_of(sides.begin() + 1, sides.end(), [&](const side& other) {
    return other.token == token && lives_.of(other.process).name == from;
  });
  if (!known) wrong(number, fmt::format("taken by '{}' under {}, which did not", from, token));
}

void streams_checker::on_message(std::uint32_t process, core::stream_id id,
                                 std::string_view message) {
  side* s = find(process, id, "a message");
  if (s == nullptr) return;
  const auto at = place_of(process, id);
  auto& r = streams_[at.number];
  const auto found = label_of(message);
  if (!found || found->number != at.number || found->side >= r.sides.size() ||
      (found->side == 0) == (at.side == 0)) {
    wrong(at.number, fmt::format("p{} was handed what the other side did not write", process));
    return;
  }
  world_.trace.mix(at.number ^ (found->index << 20U) ^ message.size());
  s->active = world_.now;
  if (s->received == 0) s->from = found->side;
  if (s->from != found->side) wrong(at.number, "messages of two acceptors");
  const auto& written = r.sides[found->side].written;
  if (found->index != s->received || found->index >= written.size() ||
      message.size() != written[found->index])
    wrong(at.number, fmt::format("p{} was handed message {} of {} bytes where message {} comes",
                                 process, found->index, message.size(), s->received));
  if (s->finished) wrong(at.number, "a message behind the finish");
  ++s->received;
  s->unread_bytes += message.size() + length_size;
  if (s->unread_bytes > limits::stream_window_max &&
      s->unread_bytes != message.size() + length_size)
    wrong(at.number,
          fmt::format("p{} holds {} bytes that it has not consumed", process, s->unread_bytes));
  if (at.side == 0) return;
  if (r.kind == request_kind::send && !acts_.covers(process, s->token))
    wrong(at.number, fmt::format("p{} is handed a message under token {}, whose lease is not valid "
                                 "now",
                                 process, s->token));
  if (r.not_executed)
    wrong(at.number, fmt::format("p{} is handed a message after the opener was told that nobody "
                                 "took it",
                                 process));
  for (std::size_t i = 1; i < r.sides.size(); ++i) {
    if (i != at.side && r.sides[i].received > 0)
      wrong(at.number, fmt::format("messages at p{} and at p{}", process, r.sides[i].process));
  }
}

void streams_checker::on_finished(std::uint32_t process, core::stream_id id) {
  side* s = find(process, id, "a finish");
  if (s == nullptr) return;
  const auto at = place_of(process, id);
  const auto& r = streams_[at.number];
  s->active = world_.now;
  if (std::exchange(s->finished, true)) wrong(at.number, "a second finish");
  if (at.side != 0 && r.kind == request_kind::send && !acts_.covers(process, s->token))
    wrong(at.number, fmt::format("p{} hears a finish under token {}, whose lease is not valid now",
                                 process, s->token));
  const bool all = std::any_of(r.sides.begin(), r.sides.end(), [&](const side& other) {
    return (&other == &r.sides[0]) != (at.side == 0) && other.finish &&
           other.written.size() == s->received;
  });
  if (!all)
    wrong(at.number, fmt::format("p{} heard a finish after {} messages, nobody said so", process,
                                 s->received));
}

void streams_checker::begin_to_count(const end_id& end, side& s) {
  s.active = world_.now;
  if (s.idle > 0)
    world_.plan(world_.now + s.idle + slack, event_kind::stream_check, 0, end.number, end.side);
}

void streams_checker::on_taken(std::uint32_t process, core::stream_id id) {
  if (side* const s = find(process, id, "data that left")) s->active = world_.now;
}

// Neither end is over yet, so that this one judges by itself: never while something passes.
void streams_checker::judge_idle(const end_id& end, const side& s, const stream_end& how) {
  if (how.outcome || how.outcome.error().context.find("idle") == std::string::npos) return;
  const auto& sides = streams_[end.number].sides;
  const bool first = std::none_of(sides.begin(), sides.end(), [&](const side& other) {
    return &other != &s && (other.ended || other.gone);
  });
  // Clocks drift by a hundredth at most.
  if (first && (s.idle == 0 || world_.now - s.active < s.idle - s.idle / 50))
    wrong(end.number, fmt::format("p{} ends it as idle, {} us after something has passed",
                                  s.process, (world_.now - s.active) / microsecond));
}

// False if it should have ended; else it is looked at again.
bool streams_checker::idles_still(const end_id& end, const side& s) {
  // What passes within one process is not seen on its way.
  const auto& sides = streams_[end.number].sides;
  const bool local = std::any_of(sides.begin(), sides.end(), [&](const side& other) {
    return &other != &s && other.process == s.process;
  });
  if (s.idle == 0 || !s.open || local) return true;
  const true_time due = s.active + s.idle + slack;
  if (due > world_.now) world_.plan(due, event_kind::stream_check, 0, end.number, end.side);
  return due > world_.now;
}

std::uint64_t streams_checker::consumed_of(const record& r, std::size_t of) const {
  std::uint64_t count = 0;
  for (const auto& s : r.sides) {
    if (s.from == of) count = std::max(count, s.consumed.messages);
  }
  return count;
}

void streams_checker::on_acknowledged(std::uint32_t process, core::stream_id id,
                                      std::uint64_t messages) {
  side* s = find(process, id, "an acknowledgement");
  if (s == nullptr) return;
  const auto at = place_of(process, id);
  const auto consumed = consumed_of(streams_[at.number], at.side);
  if (messages > consumed || messages <= s->acknowledged)
    wrong(at.number, fmt::format("p{} is told that {} messages are consumed, {} are, {} were",
                                 process, messages, consumed, s->acknowledged));
  s->acknowledged = messages;
}

void streams_checker::on_end(std::uint32_t process, core::stream_id id, const stream_end& how) {
  side* s = find(process, id, "an end");
  if (s == nullptr) return;
  const auto at = place_of(process, id);
  auto& r = streams_[at.number];
  judge_idle(at, *s, how);
  s->ended = true;
  const auto consumed = consumed_of(r, at.side);
  world_.trace.mix(at.number ^ (how.acknowledged << 8U) ^ (how.outcome ? 1U : 0U));
  if (how.acknowledged > consumed || how.acknowledged < s->acknowledged)
    wrong(at.number, fmt::format("ended at p{} with {} messages consumed; {} are", process,
                                 how.acknowledged, consumed));
  if (how.outcome) {
    ++ended_well_;
    if (!s->finish || !s->finished || how.acknowledged != s->written.size() ||
        s->consumed.messages != s->received)
      wrong(at.number, fmt::format("ended well at p{}, which was not through with it", process));
  } else {
    const auto code = how.outcome.error().code;
    if (code == errc::internal || code == errc::too_large)
      wrong(at.number, how.outcome.error().message());
    if (code == errc::no_leader || code == errc::not_executed) {
      r.not_executed = true;
      const bool done = std::any_of(r.sides.begin() + 1, r.sides.end(),
                                    [](const side& other) { return other.received > 0; });
      if (s->open || done) wrong(at.number, "its opener was told that nobody took it");
    }
  }
  count(r, *s, how);
}

void streams_checker::count(const record& /*r*/, const side& s, const stream_end& how) {
  auto& tally = world_.tally;
  if (how.outcome) return tally.hit(fault::stream_ended_well);
  const auto& why = how.outcome.error();
  const bool rest = how.acknowledged < s.written.size();
  if (why.code == errc::no_leader || why.code == errc::not_executed)
    tally.hit(fault::stream_not_taken);
  if (why.code == errc::leadership_lost && rest) tally.hit(fault::stream_lost_leader);
  if (why.code == errc::outcome_unknown && rest) tally.hit(fault::stream_lost_connection);
  const auto says = [&](std::string_view text) {
    return why.context.find(text) != std::string::npos;
  };
  if (why.code == errc::timed_out)
    tally.hit(says("idle") ? fault::stream_idle : fault::stream_timed_out);
  if (says("windows of this connection") || says("open on one connection"))
    tally.hit(fault::stream_crowded_out);
  if (says("no memory")) tally.hit(fault::stream_starved);
}

void streams_checker::on_gone(std::uint32_t process) {
  if (process >= places_.size()) return;
  for (const auto& [id, at] : places_[process])
    streams_[at.number].sides[at.side].gone = true;
}

void streams_checker::on_stopped(std::uint32_t process) {
  if (process >= places_.size()) return;
  for (const auto& [id, at] : places_[process]) {
    if (!streams_[at.number].sides[at.side].ended)
      wrong(at.number, fmt::format("open when p{} stopped", process));
  }
}

void streams_checker::on_check(const end_id& end) {
  const auto& s = side_of(end);
  if (s.ended || s.gone) return;
  const auto& story = lives_.of(s.process);
  if (story.paused_since != forever || story.disturbed > world_.now - slack) {
    world_.plan(world_.now + slack, event_kind::stream_check, 0, end.number, end.side);
    return;
  }
  if (!s.open && streams_[end.number].taken_by + slack <= world_.now)
    wrong(end.number, "neither taken nor over in time");
  if (!idles_still(end, s))
    wrong(end.number, fmt::format("p{} does not end it, though it is idle", s.process));
  if (s.over_by != forever && s.over_by + slack <= world_.now)
    wrong(end.number, fmt::format("not over at p{} in time", s.process));
}

std::optional<std::uint64_t> streams_checker::number_of(
    const std::map<std::string, std::string>& metadata) {
  const auto named = metadata.find(number_key);
  std::uint64_t number = 0;
  if (named == metadata.end()) return std::nullopt;
  const auto& text = named->second;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

streams_checker::end_id streams_checker::newest_at(std::uint64_t number,
                                                   std::uint32_t process) const {
  const auto& sides = streams_[number].sides;
  for (std::size_t i = sides.size() - 1; i > 0; --i) {
    if (sides[i].process == process) return {number, i};
  }
  return {number, 0};
}

}  // namespace hedgerow::sim
