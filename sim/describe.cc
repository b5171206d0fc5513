#include "sim/describe.h"

#include <array>

#include <fmt/format.h>

namespace hedgerow::sim {
namespace {

std::string_view name_of(ports::lease_action a) {
  constexpr std::array<std::string_view, 6> names{"read",  "create",  "acquire",
                                                  "renew", "release", "repin"};
  return names.at(static_cast<std::size_t>(a));
}

std::string_view name_of(ports::view_action a) {
  constexpr std::array<std::string_view, 3> names{"read", "claim", "commit"};
  return names.at(static_cast<std::size_t>(a));
}

std::string members_of(const std::vector<member>& members) {
  std::string text;
  for (const auto& m : members) {
    text += fmt::format("{}{}/{}{}{}", text.empty() ? "" : " ", m.name, short_form(m.incarnation),
                        m.state == member_state::joining   ? "+"
                        : m.state == member_state::leaving ? "-"
                                                           : "",
                        m.health == member_health::degraded ? "?" : "");
  }
  return text;
}

std::string removed_of(const std::vector<removal>& removed) {
  std::string text;
  for (const auto& r : removed)
    text += fmt::format(" {}/{}:{}", r.name, short_form(r.incarnation), to_string(r.reason));
  return text;
}

// Of data only the size.
std::string describe_stream(const message::any& m) {
  if (const auto* s = std::get_if<message::stream_open>(&m))
    return fmt::format(" {} kind {} limit {}", s->stream, static_cast<int>(s->kind), s->limit);
  if (const auto* s = std::get_if<message::stream_accept>(&m))
    return fmt::format(" {} limit {} token {}", s->stream, s->limit, s->token);
  if (const auto* s = std::get_if<message::stream_data>(&m))
    return fmt::format(" {} bytes {}", s->stream, s->data.size());
  if (const auto* s = std::get_if<message::stream_credit>(&m))
    return fmt::format(" {} limit {} consumed {}", s->stream, s->limit, s->consumed);
  if (const auto* s = std::get_if<message::stream_finish>(&m)) return fmt::format(" {}", s->stream);
  if (const auto* s = std::get_if<message::stream_reset>(&m))
    return fmt::format(" {} code {} consumed {}", s->stream, static_cast<int>(s->code),
                       s->consumed);
  return {};
}

std::string outcome_of(ports::store_outcome o, bool applied) {
  if (o == ports::store_outcome::done) return applied ? "done" : "does not apply";
  return o == ports::store_outcome::failed ? "failed" : "unknown";
}

}  // namespace

std::string short_form(const incarnation& who) {
  return fmt::format("{:04x}", who.high >> 48U);
}

std::string describe(const view_id& id) {
  return fmt::format("({},{})", id.token % 100'000'000'000, id.sequence);
}

std::string describe(const std::vector<member>& members) {
  return members_of(members);
}

std::string describe(const view& v) {
  return fmt::format("view {} [{}] removed{}", describe(v.id), members_of(v.members),
                     removed_of(v.removed));
}

std::string describe(const ports::lease_request& q) {
  return fmt::format("lease {} token {} observed {} expires {} earliest {} epoch {} version {}{}",
                     name_of(q.action), q.row.token, q.observed, q.row.expires.us, q.earliest.us,
                     q.row.epoch, q.row.version, q.waited ? " waited" : "");
}

std::string describe(const ports::view_request& q) {
  if (q.action != ports::view_action::commit)
    return fmt::format("view {} {}", name_of(q.action), describe(q.row.id));
  return fmt::format("view commit {} expecting {} [{}] removed{}", describe(q.row.id),
                     describe(q.expected), members_of(q.row.members), removed_of(q.row.removed));
}

std::string describe(const std::optional<ports::lease_row>& row) {
  if (!row) return "no lease row";
  return fmt::format("lease row: {}/{} token {} expires {} epoch {} version {}{}", row->holder,
                     short_form(row->incarnation), row->token, row->expires.us, row->epoch,
                     row->version, row->released ? " released" : "");
}

std::string describe(const std::optional<ports::view_row>& row) {
  if (!row) return "no view row";
  return fmt::format("view row: {} [{}]", describe(row->id), members_of(row->members));
}

std::string describe(const ports::lease_request& q, const ports::lease_reply& r) {
  return fmt::format("lease {} {}: {}", name_of(q.action), outcome_of(r.outcome, r.applied),
                     describe(r.row));
}

std::string describe(const ports::view_request& q, const ports::view_reply& r) {
  return fmt::format("view {} {}: {}", name_of(q.action), outcome_of(r.outcome, r.applied),
                     describe(r.row));
}

std::string describe(const message::any& m) {
  constexpr std::array<std::string_view, std::variant_size_v<message::any>> names{
      "probe",         "probe_ack",   "beat",          "report",        "view_push",
      "view_pull",     "join",        "join_reply",    "leave",         "released",
      "subscribe",     "leader_news", "request",       "reply",         "stream_open",
      "stream_accept", "stream_data", "stream_credit", "stream_finish", "stream_reset"};
  std::string text(names.at(m.index()));
  if (const auto* v = std::get_if<message::view_push>(&m)) text += " " + describe(v->view->id);
  if (const auto* r = std::get_if<message::request>(&m))
    text += fmt::format(" {} {}", r->id, as_view(r->payload));
  if (const auto* r = std::get_if<message::reply>(&m))
    text += fmt::format(" {} status {}", r->id, static_cast<int>(r->status));
  text += describe_stream(m);
  if (const auto* r = std::get_if<message::report>(&m)) {
    text += fmt::format(" nonce {}:", r->nonce);
    for (const auto& e : r->edges)
      text += fmt::format(" {}={}", short_form(e.subject), static_cast<int>(e.state));
  }
  return text;
}

}  // namespace hedgerow::sim
