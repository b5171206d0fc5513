#pragma once
// What a node or a client is started with. Plain values with defaults that work on one machine.

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include <hedgerow/leadership.h>
#include <hedgerow/log.h>
#include <hedgerow/message.h>
#include <hedgerow/security.h>
#include <hedgerow/stream.h>

namespace hedgerow {

// How a message is handled. On the pool, a handler may take its time. On the loop it saves two
// thread hops, and must not block: one that holds the loop for more than 5 ms is named in the log.
struct handler {
  message_handler call;
  bool on_loop = false;

  static handler on_pool(message_handler f) { return {std::move(f), false}; }
  static handler non_blocking(message_handler f) { return {std::move(f), true}; }
};

struct options {
  std::string group = "default";  // 1 to 255 bytes; several groups may share a store
  // Unique in the group; empty is the host's name. 1 to 255 bytes.
  std::string name;
  // Where the group keeps its two rows. Empty is the SQLite file in $STATE_DIRECTORY, else in the
  // user's state directory; else "sqlite:///path" or a path.
  std::string store;
  // Where leases get true time from: "machine", "auto", "clockbound[:PATH]",
  // "chrony[:HOST:PORT | :/PATH]" or "declared:5ms". Empty: the machine's own clock; with a
  // database across machines "auto", ClockBound if it is there, else chrony. While it can't be
  // trusted this node leads nothing, and on_clock says why. All nodes of a group take clocks of one
  // scale: the machine's, or UTC, all others.
  std::string clock;
  // host:port; port 0 lets the system choose. An IPv6 host in brackets; [::] is every address of
  // both families. Only loopback, unless `insecure`. A name is resolved at the start, which may
  // block.
  std::string listen = "127.0.0.1:0";
  // host or host:port for others to dial; a name is kept, and resolved by whoever dials. Empty is
  // where it listens; for a wildcard the local address of the route to the database, or loopback
  // with a store that is a file. Who advertises loopback is refused beside members of other
  // machines.
  std::string advertise;
  // With it connections are encrypted, and only who has the secret or a certificate takes part.
  security_options security;
  // Without it: plain text on the network, readable and writable for everybody on it: to listen
  // beyond loopback, and to connect there.
  bool insecure = false;
  // How long a silent leader keeps the lease. Failover after a crash takes up to this long. The
  // first node of a group fixes the group's longest lease: a node with a longer one is refused.
  // From 100 ms to 1 h; shorter leases need a store that answers in less than a fifth of them.
  std::chrono::milliseconds lease{3000};
  // How long start() waits for a database across the network that does not answer, up to 1 h; 0 is
  // not at all. It goes on without it and each statement tries again; but what is wrong with rights
  // or settings is then told by on_store, and not as start's error.
  std::chrono::milliseconds open_timeout{5000};
  std::string zone;                                 // for the choice of observers; may be empty
  std::map<std::string, std::string> tags;          // up to 256, and 8 KiB in all
  std::size_t payload_bytes_max = 4 * 1024 * 1024;  // of a message or a reply; 64 B to 64 MiB
  unsigned handler_threads = 8;                     // of the pool; 1 to 256
  log_sink log;                                     // empty is silence
  severity log_level = severity::info;

  // Messages to the leader, while this node leads; broadcasts, while it is a member. Without a
  // handler the caller gets errc::handler_failed.
  handler on_message;
  handler on_broadcast;
  // Streams that others open to the leader, while this node leads, and to all members. Without a
  // handler the opener gets errc::handler_failed.
  stream_handler on_stream;
  stream_handler on_broadcast_stream;
  // Of handlers that block, at once; up to 4096. A connection gets none while it has more of them
  // than are free: about half if it is alone.
  unsigned stream_threads = 64;

  // Notifications, on the loop's thread, never concurrently: must not block, may call any
  // non-blocking method of the node. Level-triggered: what is told is the present state, states in
  // between may be skipped, none comes out of order. The loss of leadership is always told, and
  // before a later gain.
  std::function<void(const view_change&)> on_view;
  std::function<void(const leadership&)> on_leadership;
  std::function<void(const leader_info&)> on_leader;
  std::function<void(const member&)> on_member;    // in the view under this incarnation
  std::function<void(removal_reason)> on_evicted;  // rejoining by itself
  std::function<void(const error&)> on_failed;     // can't go on: see node::wait_until_member
  std::function<void(bool available, const std::string&)> on_store;
  // Status and source as of hedgerow/clock.h; `text` says why this node can't lead, or is empty.
  // Nothing is told of a clock that was synchronized from the start.
  std::function<void(const std::string& source, const std::string& status, const std::string& text)>
      on_clock;
  std::function<void(std::chrono::milliseconds, const std::string&)> on_waiting;

  // Failover in under a second, for stores that answer in a few milliseconds.
  static options fast();
  // For slow or often restarted stores: a leader survives their absence for some 20 s.
  static options patient();

  // What is wrong with these, in words that say what to do.
  result<void> validate() const;
};

struct client_options {
  std::string group = "default";
  std::string store;          // where to look agents up, unless `agent` is given
  std::string agent;          // host:port of any node of the group
  security_options security;  // as in `options`
  bool insecure = false;
  std::size_t payload_bytes_max = 4 * 1024 * 1024;
  log_sink log;
  severity log_level = severity::warning;

  // As in `options`.
  std::function<void(const view_change&)> on_view;
  std::function<void(const leader_info&)> on_leader;

  result<void> validate() const;
};

}  // namespace hedgerow
