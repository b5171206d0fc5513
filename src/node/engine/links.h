#pragma once
// The connection book: one connection of our own to each peer that we have something to say to, the
// requests that wait for it, and the requests that are out on it.
//
// Answers go back on the connection on which the question came; everything else goes out on a
// connection that we dialled ourselves, so that a peer which can't be reached at the address it
// advertises is never mistaken for a reachable one (J1).

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/id_table.h"
#include "core/messaging/calls.h"
#include "ports/transport.h"

namespace hedgerow::engine {

class links {
 public:
  links(ports::transport& transport, nanoseconds dial_patience)
      : transport_(transport), dial_patience_(dial_patience) {}

  // Our open connection to it, or 0; dials if there is none.
  ports::connection_id ensure(const core::target& to);
  // Our open connection to it, or 0.
  ports::connection_id open_to(const incarnation& who) const;
  // Whether a dial to it is under way.
  bool dialling(const incarnation& who) const;
  // Sends on our own connection; dials and drops the message if there is none yet.
  bool say(const core::target& to, const message::any& what);
  // Carries a request, now or when the connection is open.
  enum class carried : std::uint8_t { no, waiting, sent };
  [[nodiscard]] carried carry(boot_time now, const core::target& to, message::request&& what);
  // False unless the request is out on this very connection: a peer may say anything.
  [[nodiscard]] bool answered(ports::connection_id from, std::uint64_t request);

  // Not wanted any more. True if it had not left yet: then it never will.
  bool forget(const incarnation& who, std::uint64_t request);

  // A connection that asks who answers at an address, and is closed at once.
  void verify(const core::target& who);

  // What a notification of the transport was about.
  struct outcome {
    std::optional<core::target> peer;  // of our own connection
    bool verification = false;
    bool accepted = false;                     // not dialled by us
    std::vector<std::uint64_t> sent;           // requests that waited and have left now
    std::vector<std::uint64_t> unsent;         // requests that certainly never left
    std::vector<std::uint64_t> cut;            // requests whose fate is unknown
    std::vector<ports::connection_id> closed;  // connections that were open, whoever dialled
    std::vector<incarnation> given_up;         // dials that nobody will hear of any more
  };
  outcome on_open(boot_time now, ports::connection_id id, const ports::peer& who);
  outcome on_dial_failed(ports::connection_id id);
  outcome on_closed(ports::connection_id id);
  // Our own open connection takes nothing new; answers still come on it. Whom it goes to.
  std::optional<core::target> retire(ports::connection_id id);

  const ports::peer* peer_of(ports::connection_id id) const;
  // Closes all connections with it, after what is queued was sent.
  outcome drop(const incarnation& who);
  // The same of one that the group has removed as silent, in a while: what tells it so may be on
  // its way still, and so may answers. Its connections don't end by themselves: the kernel of a
  // process that hangs acknowledges.
  void drop_later(boot_time now, const incarnation& who);
  // Unless it is a member again, as after a promotion that lost its removal.
  outcome drop_due(boot_time now, const view& members);
  boot_time next_wake() const;
  // Forgets everything; the transport has closed the connections already.
  outcome reset();

 private:
  struct link {
    core::target to;
    ports::connection_id id = 0;
    bool open = false;
    std::vector<std::pair<boot_time, message::request>> waiting;  // since when
  };

  void flush(boot_time now, link& l, outcome& o);

  ports::transport& transport_;
  nanoseconds dial_patience_;
  std::map<incarnation, link> links_;
  std::map<ports::connection_id, incarnation> dialled_;
  std::map<ports::connection_id, core::target> verifying_;
  std::map<ports::connection_id, ports::peer> peers_;  // of open connections
  base::id_table<ports::connection_id> out_on_;        // requests that were sent
  std::deque<std::pair<boot_time, incarnation>> due_;  // to be dropped, and when
};

}  // namespace hedgerow::engine
