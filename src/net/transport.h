#pragma once
// The transport over TCP, plain or encrypted.
//
// A message leaves at the end of the loop's turn that has sent it, or earlier, when one read has
// brought many frames: one system call takes all that was sent on a connection meanwhile. Then, at
// the end of the turn, listeners hear what has drained, and what they send upon that leaves with
// it. A connection that nobody answers, or whose peer says nonsense, ends; the transport itself
// goes on whatever happens to its sockets.

#include <cstddef>
#include <memory>
#include <string>

#include <hedgerow/error.h>

#include "model/limits.h"
#include "net/event_loop.h"
#include "net/tally.h"
#include "net/tls_settings.h"
#include "ports/log.h"
#include "ports/transport.h"

namespace hedgerow::net {

struct transport_options {
  std::string group;  // only who names the same may connect; at most 255 bytes
  // host:port, where port 0 is any free one; an IPv6 host in brackets. Empty: do not listen (a
  // client).
  std::string listen;
  // host or host:port for others to dial, if not where it listens.
  std::string advertise;
  // host:port; who listens on a wildcard advertises the local address of the route to it. Empty:
  // loopback.
  std::string route_to;
  // --insecure: to listen on, and to dial, in plain text. With encryption every address may be.
  bool allow_non_loopback = false;
  tls_settings security;

  std::size_t payload_bytes_max = limits::payload_bytes_default;
  std::size_t queue_bytes_max = limits::connection_queue_bytes_max;
  // Accepted ones, and as many of our own. When there are as many, those make room that have said
  // nothing for a second and to which no reply is owed.
  std::size_t connections_max = limits::connections_max;
  // Accepted, and have not said hello yet. The oldest makes room: honest ones are quick.
  std::size_t strangers_max = 256;
  // Of half frames, and of what peers do not read, in all connections together. Beyond it the ones
  // that have waited longest for the other side are ended.
  std::size_t held_bytes_max = limits::held_bytes_max;
  nanoseconds handshake_timeout = seconds(2);
  // A frame that has begun, and a queue that is not empty, move 16 KiB or come to their end in
  // this.
  nanoseconds stall_timeout = seconds(10);
  nanoseconds linger = seconds(1);  // of a closed connection that has something to write
  // Of connections whose secret or certificate is out of use. Those that others have dialled are
  // left to them for so long: they have files of their own to read.
  nanoseconds retired_grace = seconds(30);
  // The end of each, with the requests and streams that are under way on it.
  nanoseconds retired_max = seconds(60);
};

class transport final : public ports::transport {
 public:
  // Listens at once (the kernel then takes connections), but accepts nobody before assume(). Fails
  // with address_in_use or invalid_argument, with a text for the user. Names in `listen` and
  // `route_to` are resolved here and may block for seconds; otherwise confined to the loop's
  // thread, like the rest. The loop, the listener and the log must outlive it; it may be destroyed
  // by a callback.
  static result<std::unique_ptr<transport>> open(event_loop& loop,
                                                 ports::transport_listener& listener,
                                                 ports::log& log, transport_options options);
  // Writes what can be written without waiting, and closes everything.
  ~transport() override;

  // Where others can dial it; empty for a client.
  const std::string& address() const;
  // Thread-safe, and may outlive the transport.
  std::shared_ptr<const tally> counts() const;

  // Requires: name and address within their limits. A member without incarnation turns everybody
  // away and cannot dial: it is nobody yet.
  // Reads secrets and certificates again; a look every second does so by itself when they change.
  // An error leaves those in use that were read before. Connections under what is no longer valid
  // are replaced: see session::retire.
  result<void> reload_security();
  // Whether this member's own certificate, if it has one, is for the name; else a text for the
  // user.
  result<void> check_name(const std::string& name) const;

  void assume(const ports::peer& self) override;
  ports::connection_id dial(const std::string& address, const incarnation& expected,
                            nanoseconds patience) override;
  [[nodiscard]] bool send(ports::connection_id id, const message::any& what) override;
  void set_busy(ports::connection_id id, bool busy) override;
  void close(ports::connection_id id) override;

 private:
  class impl;
  explicit transport(std::unique_ptr<impl> inside);

  std::unique_ptr<impl> impl_;
};

}  // namespace hedgerow::net
