#pragma once
// A member of a group, in this process.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <hedgerow/counters.h>
#include <hedgerow/error.h>
#include <hedgerow/leadership.h>
#include <hedgerow/member.h>
#include <hedgerow/message.h>
#include <hedgerow/options.h>
#include <hedgerow/stream.h>

namespace hedgerow {

struct broadcast_options {
  std::chrono::milliseconds timeout{5000};
  bool skip_self = false;
};

// One process life in a group: a candidate for its leadership, an entry of its views, an end of its
// messages. Thread-safe. Owns its threads: one loop, one for each store connection, and the pool.
class node {
 public:
  // Opens the store, listens, and starts to join; returns without waiting for the group. Blocks for
  // what opening the store takes: a file that is locked for 5 s is an error; a database that does
  // not answer is none, and waited for as options::open_timeout says, and half a second more if
  // looking up its name hangs. Names of options::listen are looked up, too.
  // Errors: invalid_argument, address_in_use, store_unavailable, each with words that say what to
  // do.
  static result<std::unique_ptr<node>> start(options with);
  // Stops first, see stop().
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  // Blocks until this node is in a view. Errors: not_executed when the time is over; name_in_use,
  // lease_too_long, overloaded (group full) and invalid_argument (an address that cuts it off from
  // other machines) are final: stop, and start with other options.
  result<void> wait_until_member(std::chrono::milliseconds timeout);

  // To the leader, wherever it is; executed there at most once, under its lease. Blocks until the
  // outcome is known or the time is over; not to be called on the loop's thread.
  // Errors: no_leader and not_executed (certainly not executed), outcome_unknown (may have been:
  // look before you repeat), handler_failed (executed; the handler's own error, or an answer
  // over the limit), too_large, overloaded, stopped.
  result<reply> send(std::string_view payload, std::chrono::milliseconds timeout);
  // The same; `done` is called once, on the loop's thread, never from within this call; but at once
  // and on the caller's thread if this node was stopped before. Called on the loop's thread, it
  // costs no thread hop.
  void send(std::string_view payload, std::chrono::milliseconds timeout,
            std::function<void(result<reply>)> done);

  // To every member of the present view: one answer for each, in the order in which they come.
  // Blocks until the last one or the end of the time; not to be called on the loop's thread.
  // Errors: stopped; what becomes of it at a member is that one's answer.
  result<std::vector<member_reply>> broadcast(std::string_view payload, broadcast_options how = {});
  // The same; `each` and then `done` on the loop's thread. If this node was stopped before, `done`
  // alone, at once and on the caller's thread.
  void broadcast(std::string_view payload, broadcast_options how,
                 std::function<void(member_reply)> each, std::function<void()> done);

  // A stream to the leader, tied to its token; to every member of the present view, one stream
  // each, in the order of the view. Return at once; a stream that nobody takes ends with an error.
  // Errors: invalid_argument, in the options; stopped.
  result<stream> open_stream(const stream_options& how = {});
  result<std::vector<member_stream>> open_streams(const stream_options& how = {},
                                                  bool skip_self = false);

  // The newest view that this node has accepted; empty before the first, never null.
  view_ptr view() const;
  // How long ago it was accepted. A view does not age: nothing has changed since.
  std::chrono::milliseconds view_age() const;
  leader_info leader() const;
  // Whether this node leads now, under which token, for how long: a read of a few words and the
  // clock, no lock, no query. Ask at each use; pass the token on to what you write.
  hedgerow::leadership leadership() const;
  const std::string& name() const;
  const std::string& address() const;  // that it advertises
  hedgerow::incarnation incarnation() const;

  // What its connections have come to since the start, in a fixed order; also after stop().
  std::vector<counter> counters() const;

  // Reads the files of options::security now, and not only when they change. With an error what
  // was read before stays in use. Connections under a secret or certificate that is no longer
  // valid are replaced within seconds. Errors: invalid_argument, stopped.
  result<void> reload_security();

  // Hands leadership over, leaves the group and ends all calls; blocks for at most about 2 s, even
  // if the store hangs. Nothing of this node acts once any call of it has returned. Idempotent.
  void stop();

 private:
  class impl;
  explicit node(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace hedgerow
