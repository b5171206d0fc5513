#include "tools/json.h"

#include "tools/text.h"

namespace hedgerow::tools {
namespace {

json tags_json(const std::map<std::string, std::string>& tags, json& owner) {
  json plain = json::object();
  json coded = json::object();
  for (const auto& [key, value] : tags) {
    if (is_utf8(key) && is_utf8(value)) {
      plain[key] = value;
    } else {
      coded[base64(key)] = base64(value);
    }
  }
  if (!coded.empty()) owner["tags_base64"] = std::move(coded);
  return plain;
}

template <class List>
json list_json(const List& list, const auto& each) {
  json all = json::array();
  for (const auto& item : list)
    all.push_back(each(item));
  return all;
}

}  // namespace

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void put_text(json& object, const std::string& field, std::string_view text) {
  if (is_utf8(text)) {
    object[field] = text;
  } else {
    object[field + "_base64"] = base64(text);
  }
}

std::string_view name_of(const std::error_code& code) {
  if (code.category() != error_category()) return "system";
  switch (static_cast<errc>(code.value())) {
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::too_large:
      return "too_large";
    case errc::name_in_use:
      return "name_in_use";
    case errc::lease_too_long:
      return "lease_too_long";
    case errc::address_in_use:
      return "address_in_use";
    case errc::no_leader:
      return "no_leader";
    case errc::not_executed:
      return "not_executed";
    case errc::overloaded:
      return "overloaded";
    case errc::stopped:
      return "stopped";
    case errc::not_acquired:
      return "not_acquired";
    case errc::outcome_unknown:
      return "outcome_unknown";
    case errc::handler_failed:
      return "handler_failed";
    case errc::store_unavailable:
      return "store_unavailable";
    case errc::clock_untrusted:
      return "clock_untrusted";
    case errc::unreachable:
      return "unreachable";
    case errc::not_supported:
      return "not_supported";
    case errc::store_refused:
      return "store_refused";
    case errc::leadership_lost:
      return "leadership_lost";
    case errc::cancelled:
      return "cancelled";
    case errc::timed_out:
      return "timed_out";
    case errc::internal:
      return "internal";
  }
  return "internal";
}

std::string_view name_of(call_outcome outcome) {
  switch (outcome) {
    case call_outcome::not_executed:
      return "not_executed";
    case call_outcome::unknown:
      return "unknown";
    case call_outcome::replied:
      return "replied";
  }
  return "unknown";
}

std::string_view name_of(leadership_state state) {
  switch (state) {
    case leadership_state::following:
      return "following";
    case leadership_state::suspended:
      return "suspended";
    case leadership_state::leading:
      return "leading";
  }
  return "following";
}

json to_json(const member& who, const leader_info& leader) {
  json object;
  put_text(object, "name", who.name);
  put_text(object, "address", who.address);
  object["incarnation"] = to_string(who.incarnation);
  object["leader"] = leader.known() && leader.incarnation == who.incarnation;
  object["health"] = to_string(who.health);
  object["state"] = to_string(who.state);
  put_text(object, "zone", who.zone);
  object["tags"] = tags_json(who.tags, object);
  put_text(object, "machine", who.machine);
  return object;
}

json to_json(const removal& gone) {
  json object;
  put_text(object, "name", gone.name);
  object["reason"] = to_string(gone.reason);
  object["incarnation"] = to_string(gone.incarnation);
  return object;
}

json to_json(const leader_info& leader) {
  json object;
  put_text(object, "name", leader.name);
  put_text(object, "address", leader.address);
  object["token"] = leader.token;
  object["remaining_ms"] = leader.remaining.count();
  return object;
}

json to_json(const members_report& report) {
  json object;
  put_text(object, "group", report.group);
  object["token"] = report.current->id.token;
  object["sequence"] = report.current->id.sequence;
  object["view_age_ms"] = report.age ? json(report.age->count()) : json(nullptr);
  object["members"] = list_json(report.current->members,
                                [&](const member& m) { return to_json(m, report.leader); });
  return object;
}

json send_json(const result<reply>& outcome) {
  json object;
  object["ok"] = outcome.has_value();
  if (outcome) {
    put_text(object, "reply", outcome->payload);
    put_text(object, "from", outcome->from);
    object["token"] = outcome->token;
  } else {
    object["outcome"] = name_of(outcome.error().outcome());
    object["code"] = name_of(outcome.error().code);
    put_text(object, "error", outcome.error().message());
  }
  return object;
}

json broadcast_json(const std::vector<member_reply>& replies) {
  json object;
  object["replies"] = list_json(replies, [](const member_reply& from) {
    json one;
    put_text(one, "name", from.name);
    one["ok"] = from.answer.has_value();
    if (from.answer) {
      put_text(one, "reply", *from.answer);
      one["outcome"] = name_of(call_outcome::replied);
    } else {
      put_text(one, "error", from.answer.error().message());
      one["outcome"] = name_of(from.answer.error().outcome());
      one["code"] = name_of(from.answer.error().code);
    }
    return one;
  });
  return object;
}

}  // namespace hedgerow::tools
