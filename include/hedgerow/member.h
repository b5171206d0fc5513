#pragma once
// Members and views: plain values, the same on every node of a group.

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hedgerow {

// Granted with each acquisition of the lease; strictly grows for the life of a group. A resource
// that refuses a token lower than the highest it has seen is safe from every paused ex-leader.
using fencing_token = std::int64_t;

// One life of a process under a name. Random, new at each start and after each eviction.
struct incarnation {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool empty() const { return high == 0 && low == 0; }
  auto operator<=>(const incarnation&) const = default;
};

std::string to_string(const incarnation& value);  // 32 hex digits
std::optional<incarnation> parse_incarnation(std::string_view text);

// joining: admitted, its observers are still trying to reach it. leaving: has said goodbye.
enum class member_state : std::uint8_t { joining, up, leaving };
// degraded: some observers can't reach it, too few to evict it.
enum class member_health : std::uint8_t { alive, degraded };
enum class removal_reason : std::uint8_t { left, crashed, silent, replaced };

std::string_view to_string(member_state value);
std::string_view to_string(member_health value);
std::string_view to_string(removal_reason value);

struct member {
  std::string name;     // unique in the group, 1 to 255 bytes
  std::string address;  // host:port to dial it at
  hedgerow::incarnation incarnation;
  member_state state = member_state::joining;
  member_health health = member_health::alive;
  std::string zone;
  std::map<std::string, std::string> tags;
  // Its kernel and network namespace, within which its loopback is one: 16 hex digits; empty is
  // unknown.
  std::string machine{};

  bool operator==(const member&) const = default;
};

// Views are ordered by token, then sequence.
struct view_id {
  fencing_token token = 0;
  std::uint64_t sequence = 0;

  auto operator<=>(const view_id&) const = default;
};

struct removal {
  std::string name;
  hedgerow::incarnation incarnation;
  removal_reason reason = removal_reason::left;

  bool operator==(const removal&) const = default;
};

// The list that every member holds. Immutable once published. Members are in the order in which
// they joined. `removed` holds the latest removals (at most 32), so that a node that missed a view
// still learns why somebody is gone.
struct view {
  view_id id;
  std::vector<member> members;
  std::vector<removal> removed;

  const member* find(const hedgerow::incarnation& who) const;
  const member* find(std::string_view name) const;
  // How it went, if it was among the latest removals.
  const removal* removal_of(const hedgerow::incarnation& who) const;
  bool operator==(const view&) const = default;
};

using view_ptr = std::shared_ptr<const view>;  // hold it while it is read: nodes drop old ones

// From one view that a subscriber saw to the next that it sees; views in between may be skipped.
struct view_change {
  view_ptr current;
  std::vector<member> added;
  std::vector<removal> removed;
};

}  // namespace hedgerow
