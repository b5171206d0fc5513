#include "chaos/caller.h"

#include <algorithm>

#include "chaos/identity.h"

namespace hedgerow::chaos {
namespace {

constexpr milliseconds patience{2000};
constexpr milliseconds stream_lasts_at_most{20'000};
constexpr std::uint64_t stream_messages = 30;
constexpr std::uint64_t to_all_every = 3;  // rounds of streams
constexpr int filling = 200;               // bytes of a payload

std::string filled(std::string text) {
  text += ' ';
  text.append(filling, '.');
  return text;
}

}  // namespace

caller::caller(history& into, const worker_options& with)
    : into_(into),
      prefix_(with.node.name + "-" + std::to_string(with.life) + "-"),
      optimistic_(with.broken == flaw::optimistic) {}

std::string caller::next_id() {
  return prefix_ + std::to_string(++number_);
}

const char* caller::word_of(call_outcome outcome) const {
  switch (outcome) {
    case call_outcome::replied:
      return "handler_failed";
    case call_outcome::not_executed:
      return "not_executed";
    case call_outcome::unknown:
      break;
  }
  return optimistic_ ? "not_executed" : "unknown";
}

void caller::answer(const std::string& id, const std::string& by, const result<std::string>& what) {
  json line{{"e", "answer"}, {"id", id}, {"t", true_us()}};
  line["outcome"] = what ? "replied" : word_of(what.error().outcome());
  if (!by.empty()) line["by"] = by;
  if (!what) line["error"] = what.error().code.message();
  into_.add(line);
}

void caller::send(node& from) {
  const std::string id = next_id();
  into_.add(json{{"e", "call"}, {"id", id}, {"kind", "send"}, {"t", true_us()}});
  from.send(filled("s " + id), patience, [this, id](const result<reply>& what) {
    // The handler answers with its own short name.
    if (what) {
      answer(id, what->payload, what->payload);
    } else {
      answer(id, {}, tl::unexpected(what.error()));
    }
  });
}

void caller::broadcast(node& from) {
  const std::string id = next_id();
  into_.add(json{{"e", "call"}, {"id", id}, {"kind", "broadcast"}, {"t", true_us()}});
  from.broadcast(
      filled("b " + id), broadcast_options{.timeout = patience},
      [this, id](const member_reply& one) {
        answer(id, short_name(one.name, one.incarnation), one.answer);
      },
      [this, id] {
        into_.add(json{{"e", "done"}, {"id", id}, {"t", true_us()}});
      });
}

// The acceptor names the stream likewise: metadata is the same for all members.
void caller::keep(std::string id, const char* kind, const std::string& to, stream with) {
  into_.add(json{{"e", "stream"}, {"id", id}, {"kind", kind}, {"to", to}, {"t", true_us()}});
  streams_.push_back(opened{.id = std::move(id), .with = std::move(with)});
}

void caller::open_to_leader(node& from) {
  const std::string id = next_id();
  auto one = from.open_stream({.metadata = {{"id", id}}, .timeout = stream_lasts_at_most});
  if (one) keep(id, "leader", {}, std::move(*one));
}

void caller::open_to_all(node& from) {
  const std::string id = next_id();
  auto all = from.open_streams({.metadata = {{"id", id}}, .timeout = stream_lasts_at_most});
  if (!all) return;
  for (member_stream& one : *all)
    keep(id + "@" + one.name, "all", short_name(one.name, one.incarnation), std::move(one.stream));
}

void caller::write_next(opened& one) {
  if (one.ended || one.finished) return;
  if (one.written == stream_messages) {
    one.finished = true;
    one.with.finish();
    return;
  }
  const std::uint64_t number = one.written + 1;
  into_.add(json{{"e", "sent"}, {"id", one.id}, {"n", number}, {"t", true_us()}});
  const auto wrote = one.with.try_write(std::to_string(number) + std::string(filling, ' '));
  if (wrote && *wrote) one.written = number;
}

// What is known of it is asked for, not told: streams that were opened together share callbacks.
void caller::look_at(opened& one) {
  const auto end = one.with.ended();
  const std::uint64_t known = end ? end->acknowledged : one.with.acknowledged();
  if (known > one.acknowledged) {
    one.acknowledged = known;
    into_.add(json{{"e", "acked"}, {"id", one.id}, {"n", known}, {"t", true_us()}});
  }
  if (!end) return;
  one.ended = true;
  into_.add(json{{"e", "ended"},
                 {"id", one.id},
                 {"side", "opener"},
                 {"outcome", end->outcome ? "good" : end->outcome.error().code.message()},
                 {"t", true_us()}});
}

void caller::note_ends() {
  for (opened& one : streams_)
    look_at(one);
  std::erase_if(streams_, [](const opened& one) { return one.ended; });
}

void caller::stream_on(node& from) {
  note_ends();
  if (streams_.empty() && ++rounds_ % to_all_every == 0) {
    open_to_all(from);
  } else if (streams_.empty()) {
    open_to_leader(from);
  }
  for (opened& one : streams_)
    write_next(one);
}

}  // namespace hedgerow::chaos
