#pragma once
// Who led when, as the agents of a group have told.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {

// One stretch of leading. The instants are the agents' own, in milliseconds of UTC as text, which
// sorts: agents of one machine share a clock.
struct tenure {
  std::int64_t token = 0;
  std::string who;
  std::string begin;
  std::optional<std::string> end;  // nothing while it lasts, and of an agent that could not tell
};

// Of all agents that there were, in the order in which they began.
std::vector<tenure> tenures(cluster& group);

// Fails the test where two overlap, as far as their ends were told, or a token is not greater than
// all before it; one agent may lead again under the token that it had last. Returns them.
std::vector<tenure> expect_one_after_the_other(cluster& group);

}  // namespace hedgerow::system_test
