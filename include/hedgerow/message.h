#pragma once
// What handlers get and callers are answered.

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/member.h>

namespace hedgerow {

// A message as its handler sees it. `payload` and `from` are valid until the handler returns.
struct message_view {
  std::string_view payload;
  std::string_view from;  // name of the sending member; empty for a client
  // For a message to the leader, the token of the lease under which it is handled: pass it on to
  // every resource that is written. For a broadcast, the token of the view.
  fencing_token token = 0;
  // Until the caller's deadline or the end of the lease, whichever comes first.
  std::chrono::nanoseconds remaining{};
  // Asked to stop when leadership ends (messages to the leader) or the node stops. Handlers on the
  // loop never see it.
  std::stop_token stop;
  // Until the caller's deadline alone: a lease that is renewed lasts longer than it looks now.
  std::chrono::nanoseconds until_deadline{};
};

// The answer, or an error whose text the caller gets with errc::handler_failed; the text is cut at
// 4 KiB. An exception that leaves the handler is answered the same way, and so is an answer of more
// than options::payload_bytes_max.
using message_handler = std::function<result<std::string>(const message_view&)>;

// What a send came to: executed exactly once by `from`, under `token`.
struct reply {
  std::string payload;
  std::string from;
  fencing_token token = 0;
};

// What a broadcast came to at one member.
struct member_reply {
  std::string name;
  hedgerow::incarnation incarnation;
  result<std::string> answer;
};

}  // namespace hedgerow
