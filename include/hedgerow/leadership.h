#pragma once
// What a node knows of leadership, as plain values.

#include <chrono>
#include <string>

#include <hedgerow/member.h>

namespace hedgerow {

// following: some other node leads, or nobody. suspended: the lease is held and must not be used
// now (the clock is not trusted, or the first view is not committed yet); the same token may come
// back. leading: this node may act.
enum class leadership_state : std::uint8_t { following, suspended, leading };

struct leadership {
  leadership_state state = leadership_state::following;
  fencing_token token = 0;                // of the lease that is held, on_leadership: was; else 0
  std::chrono::microseconds remaining{};  // until this node must stop acting; 0 unless leading

  bool leading() const { return state == leadership_state::leading; }
};

// Who leads, as far as this node has heard. A hint: only the leader itself knows that it leads.
struct leader_info {
  std::string name;  // empty: nobody is known to lead
  std::string address;
  hedgerow::incarnation incarnation;
  fencing_token token = 0;
  std::chrono::milliseconds remaining{};  // of its lease, when this was asked

  bool known() const { return token != 0; }
};

}  // namespace hedgerow
