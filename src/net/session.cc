#include "net/session.h"

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "base/assert.h"
#include "wire/codec.h"

namespace hedgerow::net {
namespace {

constexpr std::size_t pieces_per_write = 64;
// A connection that takes all we have lets the others have their turn after as many writes.
constexpr int writes_per_turn = 8;
// After as many frames of one read, what they have caused leaves: the other side goes on with it
// while this one goes on with the rest. Fewer would cost more system calls than the time gained.
constexpr int frames_per_write = 16;
constexpr int reads_per_turn = 8;  // of one that has always more, which only encryption knows

std::string text_of(int error) {
  return std::system_category().message(error);
}

}  // namespace

session::session(event_loop::impl& loop, session_host& host, ports::connection_id id, origin from)
    : loop_(loop),
      host_(host),
      id_(id),
      dialer_(from == origin::dialled),
      deadline_(loop),
      reader_(wire::stage::awaiting_hello, host.options().payload_limit),
      queue_(host.options().payload_limit, host.options().queue_bytes_max) {}

void session::dial(const std::string& address, const incarnation& expected, nanoseconds patience) {
  address_ = address;
  expected_ = expected;
  reader_.set_stage(wire::stage::awaiting_answer);
  set_deadline(patience);
  connector_ = std::make_shared<connector>(loop_, host_.options().allow_non_loopback,
                                           [self = shared_from_this()](connector::outcome result) {
                                             self->connected(std::move(result));
                                           });
  connector_->start(address);
}

void session::accept(loop_socket socket) {
  set_deadline(host_.options().handshake_timeout);
  begin(std::move(socket));
}

void session::give_up(const std::string& why) {
  if (state_ != state::closed) dial_failed(ports::dial_failure::silent, why);
}

void session::begin(loop_socket socket) {
  state_ = state::greeting;
  stream_.emplace(std::move(socket));
  stream_->tune();
  if (auto with = host_.security()) stream_->encrypt(std::move(with), host_.workspace(), dialer_);
  stream_->serve(shared_from_this());
  stream_->want_read();
}

void session::connected(connector::outcome result) {
  if (state_ != state::connecting) return;
  connector_.reset();
  if (!result.socket.is_open()) {
    if (result.forbidden) host_.on_dial_forbidden(result.text);
    dial_failed(result.why, std::move(result.text));
    return;
  }
  begin(std::move(result.socket));
  std::string frame;
  const wire::hello hello{wire::protocol_version, host_.options().group, host_.self(), expected_};
  if (const auto done = wire::encode(hello, frame); !done) {
    dial_failed(ports::dial_failure::silent, done.error().message());
    return;
  }
  queue_.push_frame(std::move(frame));
  host_.wants_flush(shared_from_this());
}

void session::on_writable() {
  write_waiting_ = false;
  flush();
}

void session::on_readable() {
  bool more = true;
  for (int i = 0; more && state_ != state::closed; ++i) {
    if (i == reads_per_turn) {
      loop_.post([self = shared_from_this()] { self->on_readable(); });
      return;
    }
    more = state_ == state::closing ? discard_input() : read_some();
  }
  if (state_ == state::closed) return;
  if (!input_ended_) stream_->want_read();
  if (stream_->encryption() != nullptr) flush_after_reading();
}

// Returns whether there is more to read, of which nobody would wake us.
bool session::read_some() {
  const auto into = reader_.space(host_.scratch(in_stream_));
  const io_outcome got = stream_->read(into);
  if (got.insecure) {
    on_insecure();
    return false;
  }
  if (got.end || got.error != 0) {
    lost(got.error);
    return false;
  }
  if (got.bytes > 0) {
    if (is_first_tls({into.data(), got.bytes})) {
      reject_tls();
      return false;
    }
    reader_.arrived(got.bytes);
    heard_at_ = boot_now();
    take_frames();
  }
  if (state_ != state::closed) watch_reading(got.bytes);
  return got.more;
}

// Waits for the other side's end: closing earlier, with bytes unread, would be a RST. Whoever has
// said its last word may still be listening to ours.
bool session::discard_input() {
  const io_outcome got = stream_->read(host_.scratch(false));
  const bool end = got.end || got.insecure;
  if (got.error != 0 || (end && queue_.empty())) {
    over({});
  } else if (end) {
    input_ended_ = true;
  }
  return got.more && !input_ended_;
}

void session::take_frames() {
  int taken = 0;
  while (state_ == state::greeting || state_ == state::open) {
    auto next = reader_.next();
    if (!next) {
      on_malformed(next.error().message());
      return;
    }
    if (!*next) return;
    handle(std::move(**next));
    // Not after the end: the host may be gone by then.
    if (++taken % frames_per_write == 0 && state_ == state::open) host_.flush_now();
  }
}

void session::handle(wire::frame&& in) {
  if (state_ == state::greeting) {
    dialer_ ? on_answer(in) : on_hello(in.body);
    return;
  }
  auto what = wire::decode(std::move(in));
  if (!what) {
    on_malformed(what.error().message());
    return;
  }
  if (!dialer_ && std::holds_alternative<message::request>(*what)) ++owed_;
  if (asked_ > 0 && std::holds_alternative<message::reply>(*what)) --asked_;
  in_stream_ = std::holds_alternative<message::stream_data>(*what);
  // A piece is no end of a frame: what comes byte by byte is stalled all the same.
  if (!reader_.within_frame()) reading_.idle();
  host_.on_session_message(*this, std::move(*what));
}

void session::on_malformed(const std::string& why) {
  const std::string text = "protocol error: " + why;
  if (state_ == state::open) {
    cut(occurrence::frames_malformed, text);
  } else if (dialer_) {
    note(occurrence::handshakes_malformed, why);
    dial_failed(ports::dial_failure::rejected, text);
  } else {
    note(occurrence::handshakes_malformed, why);
    over({});
  }
}

void session::opened(const ports::peer& other) {
  state_ = state::open;
  const bool client = !dialer_ && other.role == ports::peer_role::client;
  reader_.set_stage(client ? wire::stage::open_to_client : wire::stage::open);
  deadline_.cancel();
  host_.on_session_open(*this, other);
  // Files may have changed during the handshake. It may have been closed by the host meanwhile,
  // which then may be gone.
  if (state_ != state::open || stream_->encryption() == nullptr) return;
  retire(*host_.security(), boot_now());
}

bool session::send(const message::any& what) {
  if (state_ != state::open || write_error_ != 0) return false;
  if (owed_ > 0 && std::holds_alternative<message::reply>(what)) --owed_;
  if (!queue_.push(what)) return false;
  if (dialer_ && std::holds_alternative<message::request>(what)) ++asked_;
  if (!flush_wanted_ && !write_waiting_) {
    flush_wanted_ = true;
    host_.wants_flush(shared_from_this());
  }
  update_held();
  return true;
}

void session::flush() {
  flush_wanted_ = false;
  if (!stream_ || state_ == state::closed || write_waiting_) return;
  write_some();
  update_held();
  if (queue_.drained() > 0 && state_ == state::open) host_.has_drained(shared_from_this());
  if (stream_->held() > 0 || (!queue_.empty() && stream_->may_write())) {
    host_.wants_watch();
    write_waiting_ = true;
    stream_->want_write();
  } else if (state_ == state::closing && queue_.empty()) {
    stream_->end_writing();
    if (input_ended_) over({});
  }
}

std::size_t session::take_drained() {
  return state_ == state::open ? queue_.take_drained() : 0;
}

void session::write_some() {
  std::array<iovec, pieces_per_write> pieces;  // a kilobyte that need not be zero
  for (int i = 0; i < writes_per_turn && (!queue_.empty() || stream_->held() > 0); ++i) {
    const std::size_t count = queue_.gather(pieces);
    std::size_t wanted = 0;
    for (std::size_t n = 0; n < count; ++n)
      wanted += pieces.at(n).iov_len;
    const io_outcome put = stream_->write({pieces.data(), count});
    if (put.error != 0) {
      // What has arrived is still read, a rejection for one; then reading finds the end.
      write_error_ = put.error;
      queue_.clear();
      stream_->end_both();
      return;
    }
    queue_.sent(put.bytes);
    if (put.bytes < wanted || stream_->held() > 0) {
      writing_.moved(boot_now(), put.departed);
      return;
    }
  }
  if (queue_.empty()) {
    writing_.idle();
  } else {
    writing_.restart(boot_now());
  }
}

void session::close() {
  if (state_ == state::closing || state_ == state::closed) return;
  if (state_ != state::open) {
    drop();
    return;
  }
  state_ = state::closing;
  set_deadline(host_.options().linger);
  host_.wants_flush(shared_from_this());
}

void session::drop() {
  if (state_ == state::closed) return;
  if ((state_ == state::open || state_ == state::closing) && write_error_ == 0) write_some();
  state_ = state::closed;
  deadline_.cancel();
  if (connector_) connector_->cancel();
  connector_.reset();
  if (stream_) stream_->close();
  queue_.clear();
  host_.on_held(-static_cast<std::ptrdiff_t>(std::exchange(held_, 0)));
}

void session::set_deadline(nanoseconds from_now) {
  deadline_.set(boot_now() + from_now, weak_from_this());
}

void session::on_due() {
  if (dialer_ && state_ != state::closing) {
    dial_failed(ports::dial_failure::silent, fmt::format("no answer from {} in time", address_));
    return;
  }
  if (state_ == state::greeting) note(occurrence::handshakes_timed_out, "no whole hello in time");
  over({});
}

// The other side's end, or an error: of reading, or of writing before.
void session::lost(int error) {
  if (error == 0) error = write_error_;
  const std::string text = error != 0 ? text_of(error) : end_text();
  if (state_ == state::open) {
    over({ending::kind::closed, {}, {}, text});
  } else if (dialer_) {
    // Whoever has said a word is there.
    const auto* const tls = stream_->encryption();
    const bool heard = tls != nullptr && tls->heard();
    dial_failed(heard ? ports::dial_failure::silent : failure_of(error),
                fmt::format("{} did not answer: {}", address_, text));
  } else {
    // Whoever looks whether a port is open does this, and is not worth a line.
    if (state_ == state::greeting) host_.books().add(occurrence::handshakes_abandoned);
    over({});
  }
}

void session::dial_failed(ports::dial_failure why, std::string text,
                          std::optional<ports::peer> actual) {
  over({ending::kind::dial_failed, why, std::move(actual), std::move(text)});
}

void session::over(const ending& how) {
  HEDGEROW_ASSERT(state_ != state::closed);
  const auto self = shared_from_this();
  drop();
  host_.on_session_over(*this, how);
}

}  // namespace hedgerow::net
