#pragma once
// From an address as text to a connected socket, or to what the failure proves.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/ip.h"
#include "net/loop_impl.h"
#include "net/loop_socket.h"
#include "net/name_lookup.h"
#include "ports/transport.h"

namespace hedgerow::net {

// What an error of connect, or of a read before the other side has said a word, proves: only
// ECONNREFUSED and ECONNRESET come from the other host, and say that nobody is there. All others
// are silence: our own host (no route, no port, no descriptor) or a time-out.
ports::dial_failure failure_of(int error);

// A port of the ephemeral range on which nobody listens can be given to the very socket that
// connects to it; TCP then joins both ends of it. That is a refusal.
bool is_connected_to_itself(int handle);

class connector final : public waiter, public std::enable_shared_from_this<connector> {
 public:
  struct outcome {
    loop_socket socket;  // closed: failed
    ports::dial_failure why = ports::dial_failure::silent;
    std::string text;
    bool forbidden = false;  // by this node's own options: not even tried
  };
  using handler = std::function<void(outcome)>;

  // Plain text goes to loopback only, unless `allow_non_loopback`.
  connector(event_loop::impl& loop, bool allow_non_loopback, handler done);

  // Calls the handler once, within a turn, never from within start or after cancel. A name is
  // resolved off the loop, and its addresses are tried in order; it counts as refused only if all
  // refused.
  void start(const std::string& address);
  void cancel();

 private:
  void resolved(const name_answer& answer, std::uint16_t port);
  void try_next();
  int connect_to(const endpoint& target);
  void on_writable() override;
  void failed_one(int error);
  void finish(outcome result);

  event_loop::impl& loop_;
  const bool allow_non_loopback_;
  handler done_;
  std::string address_;
  name_lookups::ticket lookup_ = 0;
  loop_socket socket_;
  std::vector<endpoint> left_;  // to be tried, from the back
  outcome failure_{{}, ports::dial_failure::refused, {}, false};
};

}  // namespace hedgerow::net
