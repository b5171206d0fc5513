#pragma once
// Words for people: statements, rows, views and messages in one line each.

#include <optional>
#include <string>

#include "model/message.h"
#include "ports/store.h"

namespace hedgerow::sim {

std::string describe(const ports::lease_request& q);
std::string describe(const ports::view_request& q);
std::string describe(const ports::lease_request& q, const ports::lease_reply& r);
std::string describe(const ports::view_request& q, const ports::view_reply& r);
std::string describe(const std::optional<ports::lease_row>& row);
std::string describe(const std::optional<ports::view_row>& row);
std::string describe(const view_id& id);
// Name and the first digits of the incarnation of each.
std::string describe(const std::vector<member>& members);
std::string describe(const view& v);
std::string describe(const message::any& m);
std::string short_form(const incarnation& who);

}  // namespace hedgerow::sim
