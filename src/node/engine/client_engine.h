#pragma once
// A client's loop: follows one node of the group for views and leader news, and carries calls.
//
// Deterministic and confined to the loop's thread, like engine. Goes on to another node when the
// one that it follows is gone, or has said nothing for two seconds, and nothing for two more after
// it was asked.

#include <deque>
#include <string>
#include <vector>

#include <hedgerow/leadership.h>
#include <hedgerow/message.h>

#include "core/messaging/calls.h"
#include "node/engine/alarm.h"
#include "node/engine/links.h"
#include "node/engine/stream_desk.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/timers.h"
#include "ports/transport.h"

namespace hedgerow::engine {

class client_listener {
 public:
  virtual ~client_listener() = default;
  virtual void on_view(const view_change& change) = 0;
  virtual void on_leader(const leader_info& leader) = 0;
  // Newer word of what remains to the leader that was told last. A few times a second; must not
  // call the engine.
  virtual void on_leader_extended(const leader_info& /*leader*/) {}
  virtual void on_send_done(core::call_id id, result<reply> outcome) = 0;
  virtual void on_broadcast_reply(core::call_id id, member_reply answer) = 0;
  virtual void on_broadcast_done(core::call_id id) = 0;
  // Nobody answers at the addresses known: answer with `offer`, now or later.
  virtual void on_addresses_wanted() = 0;
};

class client_engine final : public ports::transport_listener, public stream_user {
 public:
  struct ports_in_use {
    ports::clock& clock;
    ports::transport& transport;
    ports::timers& timers;
    ports::log& log;
  };

  client_engine(ports_in_use ports, client_listener& owner, stream_listener& streams,
                std::size_t payload_bytes_max, std::uint64_t seed);

  void start();
  void on_wake();
  // Where nodes of the group may be found; none is an answer too.
  void offer(const std::vector<std::string>& addresses);
  void send(core::call_id id, bytes payload, boot_time deadline);
  void broadcast(core::call_id id, const bytes& payload, boot_time deadline);
  // As of stream_user.
  core::stream_id new_stream_id() override;
  void open_stream(core::stream_id id, core::stream_request&& what) override;
  void stream_write(core::stream_id id, slice data, std::uint64_t messages) override;
  void stream_finish(core::stream_id id) override;
  void stream_cancel(core::stream_id id, message::stream_code code,
                     const std::string& text) override;
  void stream_consumed(core::stream_id id, std::uint64_t messages, std::size_t bytes) override;
  // Ends all calls and streams.
  void stop();

  view_ptr view() const { return view_; }
  nanoseconds view_age() const { return ports_.clock.now().boot - view_since_; }
  leader_info leader() const;
  // What was tried last in vain; for error texts.
  const std::string& problem() const { return problem_; }

  void on_open(ports::connection_id id, const ports::peer& who) override;
  void on_dial_failed(ports::connection_id id, ports::dial_failure why,
                      const std::optional<ports::peer>& actual, const std::string& text) override;
  void on_message(ports::connection_id id, message::any&& what) override;
  void on_closed(ports::connection_id id, const std::string& why) override;
  void on_drained(ports::connection_id id, std::size_t bytes) override;
  void on_retired(ports::connection_id id) override;

 private:
  template <class Event>
  void turn(Event event);
  void drain();
  void follow_next();
  void ask_feed();
  void watch_feed();
  void leave_feed();
  void accept(const view_ptr& offered);
  void accept(const message::leader_news& news);
  // Ends an open connection as if the other side had.
  void give_up(ports::connection_id id);
  void settle(const links::outcome& o, const std::string& why, bool gone);

  ports_in_use ports_;
  client_listener& owner_;
  hedgerow::incarnation self_;
  core::calls calls_;
  core::call_effects effects_;
  core::call_effects spare_effects_;  // empty but for its memory
  links links_;
  stream_desk streams_;

  reading now_;
  bool in_turn_ = false;
  bool stopped_ = false;
  alarm alarm_;
  ports::connection_id feed_ = 0;              // being dialled, or open
  bool feed_asked_ = false;                    // and nothing has come since
  boot_time feed_check_ = boot_time::never();  // of an open one: when it has been silent for long
  bool feed_told_ = false;                     // something came over it
  nanoseconds patience_;                       // with one that was asked
  boot_time feed_retry_ = boot_time::never();
  std::deque<std::string> candidates_;  // to be followed next; then more are asked for
  std::string dialled_;
  std::string problem_;
  view_ptr view_;
  boot_time view_since_;
  leader_info leader_;
  boot_time leader_until_;
};

}  // namespace hedgerow::engine
