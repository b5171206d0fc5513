#pragma once
// The JSON that the command prints. Fields may be added, never renamed or removed.
//
// Text that is not UTF-8 appears under "<field>_base64" instead of "<field>".

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/leadership.h>
#include <hedgerow/member.h>
#include <hedgerow/message.h>
#include <nlohmann/json.hpp>

namespace hedgerow::tools {

using json = nlohmann::ordered_json;

// One line; never fails.
std::string line_of(const json& value);

void put_text(json& object, const std::string& field, std::string_view text);

// "no_leader", "outcome_unknown", ...; "system" for codes of other categories.
std::string_view name_of(const std::error_code& code);
std::string_view name_of(call_outcome outcome);
std::string_view name_of(leadership_state state);

// `leader` decides the flag of that name.
json to_json(const member& who, const leader_info& leader);
json to_json(const removal& gone);
json to_json(const leader_info& leader);

struct members_report {
  std::string group;
  view_ptr current;
  std::optional<std::chrono::milliseconds> age;  // unknown when read from the store
  leader_info leader;
};
json to_json(const members_report& report);

json send_json(const result<reply>& outcome);
json broadcast_json(const std::vector<member_reply>& replies);

}  // namespace hedgerow::tools
