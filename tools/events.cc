#include "tools/events.h"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/durations.h"
#include "tools/text.h"

namespace hedgerow::tools {
namespace {

std::string time_of_day(std::chrono::system_clock::time_point when) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(when.time_since_epoch()).count();
  return fmt::format("{:%H:%M:%S}.{:03}",
                     fmt::localtime(std::chrono::system_clock::to_time_t(when)), ms % 1000);
}

template <class List>
std::string names(const List& list, const auto& text_of) {
  std::vector<std::string> all;
  for (const auto& item : list)
    all.push_back(printable(text_of(item)));
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string words_of(const view_change& change) {
  const auto name = [](const member& m) { return m.name; };
  const auto& current = *change.current;
  std::string text =
      fmt::format("view: {} member{}: {}", current.members.size(),
                  current.members.size() == 1 ? "" : "s", names(current.members, name));
  if (!change.added.empty() && change.added.size() != current.members.size())
    text += "; joined: " + names(change.added, name);
  if (!change.removed.empty()) {
    text += "; gone: " + names(change.removed, [](const removal& gone) {
              return fmt::format("{} ({})", gone.name, to_string(gone.reason));
            });
  }
  return text + fmt::format(" [{}.{}]", current.id.token, current.id.sequence);
}

}  // namespace

void event_printer::print(std::string_view event, const json& fields, const std::string& words) {
  const auto now = std::chrono::system_clock::now();
  if (!as_json_) {
    out_.write(with_time_ ? time_of_day(now) + "  " + words : words);
    return;
  }
  json object;
  object["event"] = event;
  object["time"] = utc_time(now);
  object.update(fields);
  out_.write(line_of(object));
}

void event_printer::ready(const member& self) {
  json fields;
  put_text(fields, "name", self.name);
  put_text(fields, "address", self.address);
  fields["incarnation"] = to_string(self.incarnation);
  const std::lock_guard lock{mutex_};
  print("ready", fields,
        fmt::format("ready: {} at {}", printable(self.name), printable(self.address)));
}

void event_printer::view(const view_change& change) {
  const std::lock_guard lock{mutex_};
  json fields;
  fields["token"] = change.current->id.token;
  fields["sequence"] = change.current->id.sequence;
  json members = json::array();
  for (const member& m : change.current->members)
    members.push_back(to_json(m, leader_));
  json added = json::array();
  for (const member& m : change.added)
    added.push_back(to_json(m, leader_));
  json removed = json::array();
  for (const removal& gone : change.removed)
    removed.push_back(to_json(gone));
  fields["members"] = std::move(members);
  fields["added"] = std::move(added);
  fields["removed"] = std::move(removed);
  print("view", fields, words_of(change));
}

void event_printer::leader(const leader_info& who) {
  const std::lock_guard lock{mutex_};
  leader_ = who;
  json fields = to_json(who);
  print("leader", fields,
        who.known() ? fmt::format("leader: {} at {}, token {}", printable(who.name),
                                  printable(who.address), who.token)
                    : "leader: nobody");
}

void event_printer::expect_leader(const leader_info& who) {
  const std::lock_guard lock{mutex_};
  leader_ = who;
}

void event_printer::leadership(const hedgerow::leadership& mine) {
  json fields;
  fields["leading"] = mine.leading();
  fields["token"] = mine.token;
  fields["state"] = name_of(mine.state);
  std::string words = "leadership: following";
  if (mine.state != leadership_state::following)
    words = fmt::format("leadership: {}, token {}", name_of(mine.state), mine.token);
  const std::lock_guard lock{mutex_};
  print("leadership", fields, words);
}

void event_printer::evicted(removal_reason reason) {
  json fields;
  fields["reason"] = to_string(reason);
  const std::lock_guard lock{mutex_};
  print("evicted", fields,
        fmt::format("evicted: the group took this agent for {}; joining again", to_string(reason)));
}

void event_printer::store(bool available, std::string_view text) {
  const std::string_view status = available ? "available" : "unavailable";
  json fields;
  fields["status"] = status;
  if (!text.empty()) put_text(fields, "text", text);
  const std::lock_guard lock{mutex_};
  print("store", fields,
        text.empty() ? fmt::format("store: {}", status)
                     : fmt::format("store: {}: {}", status, printable(text)));
}

void event_printer::clock(std::string_view source, std::string_view status, std::string_view text) {
  json fields;
  put_text(fields, "source", source);
  put_text(fields, "status", status);
  if (!text.empty()) put_text(fields, "text", text);
  std::string words = fmt::format("clock: {}: {}", printable(source), printable(status));
  if (!text.empty()) words += ": " + printable(text);
  const std::lock_guard lock{mutex_};
  print("clock", fields, words);
}

void event_printer::waiting(std::chrono::milliseconds how_long, std::string_view why) {
  json fields;
  fields["remaining_ms"] = how_long.count();
  put_text(fields, "reason", why);
  const std::lock_guard lock{mutex_};
  print("waiting", fields, fmt::format("waiting {}: {}", rounded(how_long), printable(why)));
}

}  // namespace hedgerow::tools
