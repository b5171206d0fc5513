#include "chaos/listener.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

namespace hedgerow::chaos {
namespace {

std::string outcome_word(const stream_end& how) {
  return how.outcome ? "good" : how.outcome.error().code.message();
}

}  // namespace

result<std::string> listener::execute(const message_view& what) {
  const std::int64_t begun = true_us();
  // "s <id> ..." for sends, "b <id> ..." for broadcasts.
  const bool is_send = what.payload.starts_with("s ");
  const std::string_view rest = what.payload.substr(std::min<std::size_t>(2, what.payload.size()));
  const std::string id{rest.substr(0, rest.find(' '))};
  into_.add(json{{"e", "executed"},
                 {"id", id},
                 {"token", is_send ? what.token : 0},
                 {"a", begun},
                 {"b", true_us()}});
  return self_.get();
}

stream_events listener::accept(const stream& what, bool to_all) {
  const auto found = what.metadata().find("id");
  std::string named = found == what.metadata().end() ? "" : found->second;
  if (to_all) named += "@" + name_;
  const auto id = std::make_shared<const std::string>(std::move(named));
  stream_events events;
  events.on_message = [this, id](stream& from, std::string_view message) {
    into_.add(json{{"e", "got"},
                   {"id", *id},
                   {"n", std::strtoull(std::string(message).c_str(), nullptr, 10)},
                   {"token", from.token()},
                   {"t", true_us()}});
  };
  events.on_finished = [](stream& from) { from.finish(); };
  events.on_end = [this, id](stream&, const stream_end& how) {
    into_.add(json{{"e", "ended"},
                   {"id", *id},
                   {"side", "acceptor"},
                   {"outcome", outcome_word(how)},
                   {"t", true_us()}});
  };
  return events;
}

// What is told of a token that is lost still names it.
void listener::on_leadership(const leadership& now) {
  const std::int64_t t = true_us();
  const auto tell = [&](const char* word, fencing_token token) {
    into_.add(json{{"e", word}, {"t", t}, {"token", token}});
  };
  const fencing_token held = now.state == leadership_state::following ? 0 : now.token;
  if (held_ != 0 && held_ != held) tell("lost", held_);
  if (held != 0) tell(now.leading() ? "led" : "suspended", held);
  held_ = held;
}

void listener::on_view(const view_change& change) {
  json line{{"e", "view"},
            {"t", true_us()},
            {"token", change.current->id.token},
            {"seq", change.current->id.sequence},
            {"members", json::array()},
            {"removed", json::array()}};
  for (const member& one : change.current->members)
    line["members"].push_back(short_name(one.name, one.incarnation));
  // The view's own: what this subscriber is told was silent if the view has forgotten the reason.
  for (const removal& one : change.current->removed)
    line["removed"].push_back(
        json{{"member", short_name(one.name, one.incarnation)}, {"reason", to_string(one.reason)}});
  into_.add(line);
}

void listener::attach(options& with) {
  name_ = with.name;
  const auto handle = [this](const message_view& what) { return execute(what); };
  with.on_message = handler::on_pool(handle);
  with.on_broadcast = handler::on_pool(handle);
  with.on_stream =
      stream_handler::non_blocking([this](const stream& what) { return accept(what, false); });
  with.on_broadcast_stream =
      stream_handler::non_blocking([this](const stream& what) { return accept(what, true); });
  with.on_leadership = [this](const leadership& now) { on_leadership(now); };
  with.on_view = [this](const view_change& change) { on_view(change); };
  with.on_member = [this](const member& one) {
    self_.set(short_name(one.name, one.incarnation));
    into_.add(json{{"e", "joined"}, {"t", true_us()}, {"incarnation", to_string(one.incarnation)}});
  };
  with.on_evicted = [this](removal_reason why) {
    into_.add(json{{"e", "evicted"}, {"t", true_us()}, {"reason", to_string(why)}});
  };
  with.on_clock = [this](const std::string&, const std::string& status, const std::string&) {
    into_.add(json{{"e", "clock"}, {"t", true_us()}, {"status", status}});
  };
}

}  // namespace hedgerow::chaos
