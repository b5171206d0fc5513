#pragma once
// Carries out what core::streams asks for, for nodes and clients alike.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/messaging/streams.h"
#include "node/engine/links.h"
#include "ports/transport.h"

namespace hedgerow::engine {

// What the owner is told of its streams: on the loop's thread, in order; may call the engine. About
// each stream nothing comes before on_stream_offered, or the call of open_stream, and nothing
// after on_stream_end.
class stream_listener {
 public:
  virtual ~stream_listener() = default;
  // Somebody has opened it to this node, and it is taken; without a handler: cancel it.
  virtual void on_stream_offered(core::stream_id id, core::stream_offer&& what) = 0;
  // The one that this node has opened is taken.
  virtual void on_stream_open(core::stream_id id, const std::string& from, fencing_token token) = 0;
  // As core::stream_effect::arrived: a borrowed block is valid until return. Each message is owed
  // to stream_consumed, now or later.
  virtual void on_stream_messages(core::stream_id id, slice&& block, bool framed) = 0;
  virtual void on_stream_finished(core::stream_id id) = 0;
  virtual void on_stream_taken(core::stream_id id, std::size_t bytes) = 0;
  virtual void on_stream_acknowledged(core::stream_id id, std::uint64_t messages) = 0;
  virtual void on_stream_end(core::stream_id id, stream_end&& how) = 0;
};

// What the owner asks of its streams, of a node's engine or a client's. On the loop's thread. What
// is said about a stream that has ended is ignored.
class stream_user {
 public:
  virtual ~stream_user() = default;
  // For one open_stream. Drawn before it, for the stream may end within that call.
  virtual core::stream_id new_stream_id() = 0;
  // To the leader, or to the member `to`. Fails through on_stream_end only.
  virtual void open_stream(core::stream_id id, core::stream_request&& what) = 0;
  // The next bytes of its sequence (model/message.h), which end `messages` messages.
  virtual void stream_write(core::stream_id id, slice data, std::uint64_t messages) = 0;
  virtual void stream_finish(core::stream_id id) = 0;
  virtual void stream_cancel(core::stream_id id, message::stream_code code,
                             const std::string& text) = 0;
  // So many more messages, of so many bytes without their lengths.
  virtual void stream_consumed(core::stream_id id, std::uint64_t messages, std::size_t bytes) = 0;
};

// Confined to the loop's thread, deterministic. Effects wait for drain().
class stream_desk {
 public:
  // `ask_authority`: what this node may do at the moment of the call. `give_up`: ends an open
  // connection as if the other side had; calls on_closed.
  stream_desk(core::streams::settings with, ports::transport& transport, links& connections,
              stream_listener& owner, std::function<core::streams::authority()> ask_authority,
              std::function<void(ports::connection_id)> give_up)
      : core_(std::move(with)),
        transport_(transport),
        links_(connections),
        owner_(owner),
        ask_authority_(std::move(ask_authority)),
        give_up_(std::move(give_up)) {}

  // Who this node is from now on; streams to it stay inside.
  void assume(boot_time now, const incarnation& self);

  core::stream_id new_id() { return core_.new_id(); }
  void open(boot_time now, core::stream_id id, core::stream_request&& what) {
    core_.open(now, id, std::move(what), out_);
  }
  void write(boot_time now, core::stream_id id, slice bytes, std::uint64_t messages) {
    core_.write(now, id, std::move(bytes), messages, out_);
  }
  void finish(boot_time now, core::stream_id id) { core_.finish(now, id, out_); }
  void cancel(boot_time now, core::stream_id id, message::stream_code code,
              const std::string& text) {
    core_.cancel(now, id, code, text, out_);
  }
  void consumed(boot_time now, core::stream_id id, std::uint64_t messages, std::size_t bytes) {
    core_.consumed(now, id, messages, bytes, out_);
  }

  // The token under which this node may act (R1), 0 for none: asked of the reading of each turn.
  void set_acting(boot_time now, fencing_token acting) {
    if (std::exchange(acting_, acting) != acting) core_.on_acting(now, acting, out_);
  }
  void on_leader(boot_time now, const std::optional<core::target>& leader) {
    core_.on_leader(now, leader, out_);
  }

  // False if it is not about streams; it is then as it was.
  bool on_message(boot_time now, ports::connection_id from, message::any& what);
  void on_drained(boot_time now, ports::connection_id from, std::size_t bytes) {
    core_.on_drained(now, from, bytes, out_);
  }
  // What happened to a connection; each outcome of `links` exactly once.
  void on_open(boot_time now, ports::connection_id id, const links::outcome& o);
  void on_dial_failed(boot_time now, const links::outcome& o, const std::string& why, bool gone);
  void on_closed(boot_time now, const links::outcome& o, const std::string& why);

  void tick(boot_time now) { core_.tick(now, out_); }
  // Whether anything was carried out. What is borrowed must still be valid.
  bool drain(boot_time now);
  void stop(boot_time now) { core_.stop(now, out_); }
  boot_time next_wake() const { return core_.next_wake(); }

 private:
  void carry_out(boot_time now, core::stream_effect::connect&& e);
  void carry_out(boot_time now, core::stream_effect::transmit&& e);
  void carry_out(boot_time now, core::stream_effect::busy&& e);
  void carry_out(boot_time now, core::stream_effect::offered&& e);
  void carry_out(boot_time now, core::stream_effect::opened&& e);
  void carry_out(boot_time now, core::stream_effect::arrived&& e);
  void carry_out(boot_time now, core::stream_effect::finished&& e);
  void carry_out(boot_time now, core::stream_effect::taken&& e);
  void carry_out(boot_time now, core::stream_effect::acknowledged&& e);
  void carry_out(boot_time now, core::stream_effect::ended&& e);

  core::streams core_;
  core::stream_effects out_;
  core::stream_effects batch_;  // being carried out; its memory is used again
  fencing_token acting_ = 0;
  ports::transport& transport_;
  links& links_;
  stream_listener& owner_;
  std::function<core::streams::authority()> ask_authority_;
  std::function<void(ports::connection_id)> give_up_;
  incarnation self_;
};

}  // namespace hedgerow::engine
