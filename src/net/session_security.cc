// A session's part in encryption: what it makes of failures, and its end when secrets change.

#include <string>
#include <utility>

#include <fmt/core.h>

#include "net/session.h"
#include "wire/handshake.h"

namespace hedgerow::net {
namespace {

constexpr const char* retired_text = "the secret or certificate of this connection is out of use";

}  // namespace

// The handshake makes room for what is queued, and may leave words of its own.
void session::flush_after_reading() {
  if (write_waiting_ || flush_wanted_ || write_error_ != 0) return;
  if (stream_->held() == 0 && (queue_.empty() || !stream_->may_write())) return;
  flush_wanted_ = true;
  host_.wants_flush(shared_from_this());
}

void session::on_insecure() {
  const tls_failure why = *stream_->encryption()->failure();
  if (why.plain_peer) {
    stream_->speak_plainly();
    reject({wire::protocol_version, wire::rejection_code::tls_wanted, why.text, std::nullopt});
  } else if (state_ == state::open) {
    cut(occurrence::frames_malformed, "protocol error: " + why.text);
  } else {
    note(why.what, why.text);
    if (dialer_) {
      dial_failed(ports::dial_failure::rejected, fmt::format("{}: {}", address_, why.text));
    } else {
      over({});
    }
  }
}

bool session::is_first_tls(std::string_view first) const {
  const bool new_stranger = state_ == state::greeting && !dialer_ && heard_at_ == boot_time{};
  return new_stranger && stream_->encryption() == nullptr && begins_tls(first);
}

// TLS on a plain port. The answer is no TLS, by which the other side knows what it has met.
void session::reject_tls() {
  reject({wire::protocol_version, wire::rejection_code::plain_wanted,
          "TLS is not taken here: this side was started without --secret-file and certificates",
          std::nullopt});
}

std::optional<wire::rejection> session::wrong_certificate(const ports::peer& claimed) const {
  const tls_link* const tls = stream_->encryption();
  if (tls == nullptr || claimed.role == ports::peer_role::client || tls->may_be(claimed.name))
    return std::nullopt;
  return wire::rejection{wire::protocol_version, wire::rejection_code::wrong_certificate,
                         fmt::format("the certificate is for '{}', not for a member '{}'",
                                     tls->peer_names(), claimed.name),
                         std::nullopt};
}

void session::retire(const tls_context& newer, boot_time now) {
  const tls_link* const tls = stream_ ? stream_->encryption() : nullptr;
  if (state_ != state::open || tls == nullptr || tls->honored_by(newer)) return;
  if (is_retired()) return;
  retired_at_ = now;
  host_.wants_watch();
  if (dialer_) host_.on_session_retired(*this);
}

void session::end_retired(boot_time now) {
  const nanoseconds age = now - retired_at_;
  // Data that is encrypted has left the queue, and may not have left this process.
  const bool busy = busy_ || asked_ > 0 || owed_ > 0 || !queue_.empty() || stream_->held() > 0;
  if (age >= host_.options().retired_max) {
    if (busy) {
      cut(occurrence::connections_retired, retired_text);
    } else {
      over({ending::kind::closed, {}, {}, retired_text});
    }
  } else if (!busy && (dialer_ || age >= host_.options().retired_grace)) {
    // Not at once: with bytes unread that would be a RST, and the other side might lose the last
    // that it was sent.
    close();
    host_.on_session_ending(*this, retired_text);
  }
}

std::string session::end_text() const {
  return is_retired() ? fmt::format("closed by the other side: {}", retired_text)
                      : "closed by the other side";
}

}  // namespace hedgerow::net
