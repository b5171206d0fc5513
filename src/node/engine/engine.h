#pragma once
// The node's loop: feeds the cores and carries out what they ask through the ports.
//
// One engine is one process life in a group. It is deterministic: the same calls with the same
// readings give the same effects, so the simulator runs this very class. Confined to the loop's
// thread. No call of a port or of the listener is made from the constructor.

#include <memory>
#include <string>

#include <hedgerow/error.h>
#include <hedgerow/leadership.h>
#include <hedgerow/message.h>

#include "node/engine/leadership_cell.h"
#include "node/engine/options.h"
#include "node/engine/stream_desk.h"
#include "ports/clock.h"
#include "ports/handlers.h"
#include "ports/log.h"
#include "ports/store.h"
#include "ports/timers.h"
#include "ports/transport.h"

namespace hedgerow::engine {

using call_id = std::uint64_t;  // chosen by the caller, unique among its open calls

// What the engine tells its owner. On the loop's thread, in order; may call the engine.
class listener {
 public:
  virtual ~listener() = default;
  // Level-triggered: the present view and what changed since the last call.
  virtual void on_view(const view_change& change) = 0;
  // `lost` is always told before a later gain, and before the lease can have passed on.
  virtual void on_leadership(leadership_state state, fencing_token token) = 0;
  virtual void on_leader(const leader_info& leader) = 0;
  // The leader that was told last has a later expiry. A few times a second; must not call the
  // engine.
  virtual void on_leader_extended(const leader_info& /*leader*/) {}
  // In the view for the first time under this incarnation.
  virtual void on_member(const member& self) = 0;
  // Out of the view; the engine rejoins by itself under a new incarnation.
  virtual void on_evicted(removal_reason reason) = 0;
  // The engine can't go on: name in use at the first join, lease too long, group full, an address
  // that cuts it off. It goes as stop() does; on_stopped follows.
  virtual void on_failed(const error& why) = 0;
  virtual void on_store(bool available, const std::string& text) = 0;
  // An empty `why`: readings may be used. Else they may not, and `why` says so in words; with a
  // status that is trusted they are wider than leases allow (lease_options.max_error).
  virtual void on_clock(clock_status status, const std::string& why) = 0;
  // The first start in an empty store waits one lease (R8).
  virtual void on_waiting(milliseconds how_long, const std::string& why) = 0;

  // Exactly one per send.
  virtual void on_send_done(call_id id, result<reply> outcome) = 0;
  // One per member of the broadcast, then `on_broadcast_done`, once.
  virtual void on_broadcast_reply(call_id id, member_reply answer) = 0;
  virtual void on_broadcast_done(call_id id) = 0;
  // Left, released, and all calls ended. The engine may be destroyed (not from within).
  virtual void on_stopped() = 0;
};

// Everything that the engine needs from outside. References outlive the engine.
struct ports_in_use {
  ports::clock& clock;
  ports::store& store;
  ports::transport& transport;
  ports::timers& timers;
  ports::handlers& handlers;
  ports::log& log;
};

class engine final : public ports::store_listener,
                     public ports::transport_listener,
                     public ports::handler_listener,
                     public stream_user {
 public:
  engine(options with, ports_in_use ports, listener& owner, stream_listener& streams);
  ~engine() override;

  void start();
  // The wake-up that was asked of the timer port. May come early, late, or unasked.
  void on_wake();
  // Graceful: no new calls, leadership handed over, left, then on_stopped. Idempotent.
  void stop();

  // A message to the leader. Fails through on_send_done only. `deadline` is absolute.
  void send(call_id id, bytes payload, boot_time deadline);
  // To the members of the present view, `self` included unless `skip_self`.
  void broadcast(call_id id, const bytes& payload, boot_time deadline, bool skip_self);

  // False within a turn that has taken many already: a leader that asks itself anew for each answer
  // would else never come to that turn's end. It is to be asked for behind this turn then.
  bool takes_send_now() const;
  // As of stream_user.
  core::stream_id new_stream_id() override;
  void open_stream(core::stream_id id, core::stream_request&& what) override;
  void stream_write(core::stream_id id, slice data, std::uint64_t messages) override;
  void stream_finish(core::stream_id id) override;
  void stream_cancel(core::stream_id id, message::stream_code code,
                     const std::string& text) override;
  void stream_consumed(core::stream_id id, std::uint64_t messages, std::size_t bytes) override;

  view_ptr view() const;  // never null; empty before the first view
  leader_info leader() const;
  hedgerow::incarnation incarnation() const;
  // R1 on a fresh reading, and the first view of this token is committed.
  leadership leadership_now() const;
  // Thread-safe mirror of leadership_now().
  const leadership_cell& cell() const;

  void on_lease_reply(ports::request_id id, const ports::lease_reply& reply) override;
  void on_view_reply(ports::request_id id, const ports::view_reply& reply) override;
  void on_open(ports::connection_id id, const ports::peer& who) override;
  void on_dial_failed(ports::connection_id id, ports::dial_failure why,
                      const std::optional<ports::peer>& actual, const std::string& text) override;
  void on_message(ports::connection_id id, message::any&& what) override;
  void on_closed(ports::connection_id id, const std::string& why) override;
  void on_drained(ports::connection_id id, std::size_t bytes) override;
  void on_retired(ports::connection_id id) override;
  void on_job_done(ports::job_id id, ports::job_result outcome) override;

 private:
  class state;
  std::unique_ptr<state> state_;
};

}  // namespace hedgerow::engine
