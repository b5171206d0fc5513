// What a session owes to the others: progress, little memory, and an end when it has neither.

#include <cstddef>
#include <string>

#include <fmt/core.h>

#include "net/session.h"

namespace hedgerow::net {

void session::watch_reading(std::size_t arrived) {
  update_held();
  if (!reader_.within_frame()) {
    reading_.idle();
    return;
  }
  reading_.moved(heard_at_, arrived);
  host_.wants_watch();
}

bool session::check_progress(boot_time now, bool paused) {
  if (state_ != state::open) return false;
  if (is_retired()) end_retired(now);
  if (state_ != state::open) return false;
  return check_stalls(now, paused) || is_retired();
}

bool session::check_stalls(boot_time now, bool paused) {
  if (paused) {
    if (reading_.active()) reading_.restart(now);
    if (writing_.active()) writing_.restart(now);
    return waiting_since() != boot_time::never();
  }
  const nanoseconds window = host_.options().stall_timeout;
  if (reading_.stalled(now, window)) {
    cut(occurrence::frames_stalled, "a frame that does not come to its end");
  } else if (writing_.stalled(now, window)) {
    cut(occurrence::writes_stalled,
        fmt::format("it does not read what it is sent; {} bytes wait", queue_.held()));
  }
  return waiting_since() != boot_time::never();
}

boot_time session::idle_since() const {
  const bool idle = state_ == state::open && !dialer_ && !busy_ && owed_ == 0 && queue_.empty() &&
                    (!stream_ || stream_->held() == 0);
  return idle ? heard_at_ : boot_time::never();
}

void session::update_held() {
  if (flush_wanted_) return;  // most of it is about to leave, and flush() looks again
  const std::size_t now = reader_.held() + queue_.held() + (stream_ ? stream_->held() : 0);
  if (now == held_) return;
  host_.on_held(static_cast<std::ptrdiff_t>(now) - static_cast<std::ptrdiff_t>(held_));
  held_ = now;
}

void session::note(occurrence what, std::string_view text) {
  host_.books().note(what, stream_ ? stream_->peer() : address_, text);
}

void session::cut(occurrence why, const std::string& text) {
  note(why, text);
  over({state_ == state::open ? ending::kind::closed : ending::kind::silent, {}, {}, text});
}

void session::drop_with(const std::string& farewell) {
  // A farewell is said in the clear: this one has not got further.
  if (stream_ && state_ == state::greeting) stream_->speak_plainly();
  queue_.push_frame(farewell);
  write_some();
  drop();
}

}  // namespace hedgerow::net
