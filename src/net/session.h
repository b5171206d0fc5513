#pragma once
// One connection: handshake, frames in, frames out.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <hedgerow/error.h>

#include "net/connector.h"
#include "net/loop_impl.h"
#include "net/out_queue.h"
#include "net/progress.h"
#include "net/stream.h"
#include "net/tally.h"
#include "ports/transport.h"
#include "wire/frame.h"
#include "wire/handshake.h"

namespace hedgerow::net {

class session;

// How a session ended, for the listener; never about what we ended ourselves.
struct ending {
  enum class kind : std::uint8_t { silent, dial_failed, closed };

  kind what = kind::silent;
  ports::dial_failure why = ports::dial_failure::silent;  // dial_failed
  std::optional<ports::peer> actual;                      // dial_failed
  std::string text;
};

// What a session needs of the transport it belongs to.
class session_host {
 public:
  struct settings {
    std::string group;
    std::size_t payload_limit = 0;
    std::size_t queue_bytes_max = 0;
    nanoseconds handshake_timeout{};
    nanoseconds stall_timeout{};
    nanoseconds linger{};
    nanoseconds retired_grace{};
    nanoseconds retired_max{};
    bool allow_non_loopback = false;
  };

  virtual ~session_host() = default;
  virtual const settings& options() const = 0;
  virtual const ports::peer& self() const = 0;
  // Where all sessions receive, one after the other.
  // More of it for the data of a stream than for anything else, which costs more per byte.
  virtual std::span<char> scratch(bool for_stream) = 0;
  // Null: plain text.
  virtual std::shared_ptr<const tls_context> security() = 0;
  virtual std::shared_ptr<tls_workspace> workspace() = 0;
  virtual bookkeeper& books() = 0;
  // The session buffers so many bytes more for its peer, or less.
  virtual void on_held(std::ptrdiff_t change) = 0;
  // Asks for check_progress() from time to time.
  virtual void wants_watch() = 0;
  // Asks for a flush() at the end of this turn.
  virtual void wants_flush(std::shared_ptr<session> who) = 0;
  // In the middle of a turn: a flush() now of all that want one.
  virtual void flush_now() = 0;
  // Asks for a take_drained() at the end of this turn.
  virtual void has_drained(std::shared_ptr<session> who) = 0;
  virtual void on_session_open(session& who, const ports::peer& other) = 0;
  virtual void on_session_message(session& who, message::any&& what) = 0;
  // A dialled one, under a secret or certificate that is out of use: see session::retire.
  virtual void on_session_retired(session& who) = 0;
  // An open one has said all that it had to, and ends in its own time: its id is void from now on.
  virtual void on_session_ending(session& who, const std::string& why) = 0;
  // A dial that this node's own options forbid; on_session_over follows.
  virtual void on_dial_forbidden(const std::string& why) = 0;
  // Once, as the last call, unless drop() was called before.
  virtual void on_session_over(session& who, const ending& how) = 0;
};

class session final : public waiter, public std::enable_shared_from_this<session> {
 public:
  enum class origin : std::uint8_t { dialled, accepted };

  // The host must outlive the session, up to its drop() or its end.
  session(event_loop::impl& loop, session_host& host, ports::connection_id id, origin from);

  // One of these, once, as of its origin.
  void dial(const std::string& address, const incarnation& expected, nanoseconds patience);
  void give_up(const std::string& why);  // a dial that is not even tried
  void accept(loop_socket socket);

  ports::connection_id id() const { return id_; }
  bool is_closed() const { return state_ == state::closed; }
  bool is_dialer() const { return dialer_; }
  // Of an accepted, open connection that is not busy, and to which no reply is owed: when it was
  // last heard. Else never().
  boot_time idle_since() const;
  std::size_t held() const { return held_; }
  // Since when the other side has not moved enough of what is under way; never() if nothing is.
  boot_time waiting_since() const { return std::min(reading_.since(), writing_.since()); }

  void set_busy(bool busy) { busy_ = busy; }
  // Bytes of stream_data that have left the queue of an open connection since the last call.
  std::size_t take_drained();

  // False: not open, or its queue is full.
  [[nodiscard]] bool send(const message::any& what);
  // Writes what is queued, as far as the network takes it.
  void flush();
  // What is queued, then the end, within the linger time. Before the session is open: drop().
  void close();
  // At once. No calls to the host from now on.
  void drop();
  // The same, after the whole bytes of a last frame.
  void drop_with(const std::string& farewell);
  // Ends what has stalled, with a call to the host. Returns whether something is still under way.
  bool check_progress(boot_time now, bool paused);
  // After the secrets or certificates have changed. Of an open connection that they no longer
  // allow: a dialled one is to be replaced now (the host is told), and ends when its requests are
  // answered and its streams have ended; an accepted one is left to who dialled it for
  // `retired_grace`. After `retired_max` either ends, whatever is under way.
  void retire(const tls_context& newer, boot_time now);
  // Counts it, with a word to the log.
  void note(occurrence what, std::string_view text);
  // Ends it, with a call to the host.
  void cut(occurrence why, const std::string& text);

 private:
  enum class state : std::uint8_t { connecting, greeting, open, closing, closed };

  void begin(loop_socket socket);
  void connected(connector::outcome result);
  void write_some();
  void on_readable() override;
  void on_writable() override;
  void on_due() override;
  void watch_reading(std::size_t arrived);
  void update_held();
  bool read_some();
  bool discard_input();
  void flush_after_reading();
  void on_insecure();
  bool is_first_tls(std::string_view first) const;
  void reject_tls();
  std::optional<wire::rejection> wrong_certificate(const ports::peer& claimed) const;
  bool is_retired() const { return retired_at_ != boot_time::never(); }
  void end_retired(boot_time now);
  std::string end_text() const;
  bool check_stalls(boot_time now, bool paused);
  void take_frames();
  void handle(wire::frame&& in);
  void on_malformed(const std::string& why);
  void on_hello(std::string_view body);
  void on_answer(const wire::frame& in);
  void on_welcome(std::string_view body);
  std::optional<wire::rejection> objection(const wire::hello& hello) const;
  void reject(const wire::rejection& why);
  void opened(const ports::peer& other);

  void set_deadline(nanoseconds from_now);
  void lost(int error);
  void dial_failed(ports::dial_failure why, std::string text,
                   std::optional<ports::peer> actual = std::nullopt);
  void over(const ending& how);

  event_loop::impl& loop_;
  session_host& host_;
  const ports::connection_id id_;
  const bool dialer_;
  state state_ = state::connecting;
  bool write_waiting_ = false;
  bool flush_wanted_ = false;
  bool input_ended_ = false;  // while closing
  bool in_stream_ = false;    // what came last was data of a stream
  bool busy_ = false;
  int write_error_ = 0;
  std::size_t owed_ = 0;   // replies
  std::size_t asked_ = 0;  // requests without a reply
  boot_time retired_at_ = boot_time::never();
  std::size_t held_ = 0;  // as the host knows it
  boot_time heard_at_{};
  progress reading_;
  progress writing_;
  incarnation expected_;
  std::string address_;  // dialed
  std::shared_ptr<connector> connector_;
  std::optional<stream> stream_;
  deadline deadline_;
  wire::frame_reader reader_;
  out_queue queue_;
};

}  // namespace hedgerow::net
