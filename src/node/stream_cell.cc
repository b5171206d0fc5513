#include "node/stream_cell.h"

#include <algorithm>

#include "base/little_endian.h"
#include "net/event_loop.h"
#include "node/host.h"
#include "node/stream_hub.h"

namespace hedgerow {
namespace {

constexpr std::size_t length_size = message::stream_length_bytes;
// Copying a message up to here is cheaper than a piece of its own.
constexpr std::size_t copy_max = 4 * 1024;

// Takes the first message off.
std::string_view next_of(slice& rest, bool framed) {
  if (!framed) return std::exchange(rest.text, {});
  const auto message = rest.text.substr(length_size, base::load_u32(rest.text.data()));
  rest.remove_prefix(length_size + message.size());
  return message;
}

}  // namespace

// What is written.

bool stream::cell::room_for(std::size_t size) const {
  return buffered_ == 0 || buffered_ + size <= limits::stream_buffer_bytes;
}

bool stream::cell::plan() {
  return !std::exchange(planned_, true);
}

void stream::cell::go(bool planned) {
  if (!planned) return;
  const std::lock_guard hold(with_.gate->lock);
  if (with_.gate->hub != nullptr) with_.gate->hub->on_news(shared_from_this());
}

bool stream::cell::is_open() const {
  return !end_ && !finish_ && !cancel_;
}

// Or until nothing can be written any more. A handler that has returned makes no room, and discards
// the rest once it knows that its last message is consumed: so it is told.
void stream::cell::wait_for_room(std::unique_lock<std::mutex>& hold, std::size_t size) {
  const auto settled = [&] { return !is_open() || room_for(size); };
  const auto heard_all = [&] { return reading_ && peer_finished_ && in_at_ == in_.size(); };
  while (!settled()) {
    if (heard_all()) tell_read(hold);
    changed_.wait(hold, [&] { return settled() || heard_all(); });
  }
}

result<bool> stream::cell::write(const slice& data, bool may_block) {
  if (data.size() > with_.message_bytes_max) {
    return fail(errc::too_large, "the message has " + std::to_string(data.size()) +
                                     " bytes, the limit is " +
                                     std::to_string(with_.message_bytes_max));
  }
  bool planned = false;
  {
    std::unique_lock hold(lock_);
    if (is_open() && !room_for(data.size())) {
      if (!may_block) {
        room_wanted_ = true;
        return false;
      }
      if (with_.gate->on_loop()) return tl::unexpected(would_wait_for_itself());
      wait_for_room(hold, data.size());
    }
    if (end_) {
      return end_->outcome ? fail(errc::invalid_argument, "the stream has ended")
                           : tl::unexpected(end_->outcome.error());
    }
    if (cancel_) return fail(errc::cancelled, "the stream was cancelled here");
    if (finish_) return fail(errc::invalid_argument, "nothing can be written after finish()");
    append(data);
    planned = plan();
  }
  go(planned);
  return true;
}

void stream::cell::close_block() {
  if (block_.empty()) return;
  out_.push_back({slice(std::make_shared<const std::string>(std::exchange(block_, {}))),
                  std::exchange(block_messages_, 0)});
}

void stream::cell::append(const slice& data) {
  ++written_;
  buffered_ += length_size + data.size();
  if (block_.size() + data.size() > limits::stream_frame_bytes - length_size) close_block();
  message::append_stream_length(block_, data.size());
  if (data.size() <= copy_max) {
    block_.append(data.text);
    ++block_messages_;
    return;
  }
  close_block();
  out_.push_back({data.kept(), 1});
}

void stream::cell::finish() {
  bool planned = false;
  {
    const std::lock_guard hold(lock_);
    if (end_ || finish_) return;
    finish_ = true;
    changed_.notify_all();
    planned = plan();
  }
  go(planned);
}

void stream::cell::call_back(stream_events with) {
  const std::lock_guard hold(lock_);
  calls_back_ = static_cast<bool>(with.on_message);
  goes_alone_ = calls_back_ || with.on_end;
  // The former ones end without the lock: they may hold the last handle, whose end takes it.
  std::swap(events_, with);
}

// With the lock held.
void stream::cell::abort(message::stream_code code, std::string_view reason) {
  if (end_ || cancel_) return;
  cancel_.emplace(code, reason.substr(0, limits::error_text_bytes_max));
  over_ = true;
  changed_.notify_all();
}

void stream::cell::cancel(message::stream_code code, std::string_view reason) {
  bool planned = false;
  {
    const std::lock_guard hold(lock_);
    if (end_ || cancel_) return;
    abort(code, reason);
    planned = plan();
  }
  go(planned);
}

void stream::cell::abandon() {
  {
    const std::lock_guard hold(lock_);
    if (end_ || returned_ || goes_alone_) return;
  }
  cancel(message::stream_code::cancelled, "its holder has let it go");
}

// What its handler did not read will not be consumed: the opener is told when it has what was
// written here. With the lock held; whether there is a plan to carry out.
bool stream::cell::drop_unread() {
  if (!returned_ || in_at_ == in_.size() || acknowledged_ != written_) return false;
  abort(message::stream_code::cancelled, "its handler has returned");
  return plan();
}

void stream::cell::handler_returned() {
  bool planned = false;
  {
    const std::lock_guard hold(lock_);
    if (end_) return;
    returned_ = true;
    finish_ = true;
    changed_.notify_all();
    settle_read();
    planned = drop_unread() || plan();
  }
  go(planned);
}

stream::cell::news stream::cell::take_news() {
  const std::lock_guard hold(lock_);
  planned_ = false;
  close_block();
  news n;
  n.pieces = std::exchange(out_, {});
  n.consumed = std::exchange(consumed_, 0);
  n.consumed_bytes = std::exchange(consumed_bytes_, 0);
  n.finish = finish_ && !std::exchange(finish_taken_, finish_);
  n.cancel = cancel_;
  return n;
}

bool stream::cell::taken(std::size_t count) {
  const std::lock_guard hold(lock_);
  buffered_ -= std::min(count, buffered_);
  if (buffered_ > limits::stream_buffer_bytes / 2) return false;
  changed_.notify_all();
  return std::exchange(room_wanted_, false);
}

void stream::cell::acknowledged_up_to(std::uint64_t messages) {
  bool planned = false;
  {
    const std::lock_guard hold(lock_);
    acknowledged_ = messages;
    planned = drop_unread();
  }
  go(planned);
}

// What is read.

std::pair<std::uint64_t, std::size_t> stream::cell::arrived(stream& self, slice&& block,
                                                            bool framed) {
  if (!events_.on_message) {
    bool planned = false;
    {
      const std::lock_guard hold(lock_);
      in_.push_back({block.kept(), framed});
      planned = drop_unread();
      changed_.notify_all();
    }
    go(planned);
    return {0, 0};
  }
  std::pair<std::uint64_t, std::size_t> done{};
  bool first = true;  // an empty message is one, too
  while (first || !block.empty()) {
    first = false;
    const auto message = next_of(block, framed);
    events_.on_message(self, message);
    ++done.first;
    done.second += message.size();
    if (over_.load(std::memory_order_relaxed)) break;
  }
  return done;
}

std::string stream::cell::pop() {
  received& front = in_.at(in_at_);
  std::string message(next_of(front.rest, front.framed));
  if (front.rest.empty()) {
    front.rest = {};
    if (++in_at_ == in_.size()) {
      in_.clear();
      in_at_ = 0;
    }
  }
  reading_ = message.size();
  return message;
}

// With the lock held: the user is through with the message that it has.
void stream::cell::settle_read() {
  if (!reading_) return;
  ++consumed_;
  consumed_bytes_ += *std::exchange(reading_, std::nullopt);
}

// The same, and the loop is told. The lock is let go meanwhile.
void stream::cell::tell_read(std::unique_lock<std::mutex>& hold) {
  if (!reading_) return;
  settle_read();
  const bool planned = plan();
  hold.unlock();
  go(planned);
  hold.lock();
}

result<std::optional<std::string>> stream::cell::read() {
  if (with_.gate->on_loop()) return tl::unexpected(would_wait_for_itself());
  std::unique_lock hold(lock_);
  if (calls_back_)
    return fail(errc::invalid_argument, "messages of this stream go to its on_message");
  tell_read(hold);
  changed_.wait(hold, [this] {
    return end_ || cancel_ || returned_ || in_at_ < in_.size() || peer_finished_;
  });
  // What was answered before it broke is still good; what was asked is better asked again.
  const bool unread = with_.opener && in_at_ < in_.size();
  if (end_ && !end_->outcome && !unread) return tl::unexpected(end_->outcome.error());
  if (cancel_) return fail(errc::cancelled, "the stream was cancelled here");
  if (returned_)
    return fail(errc::invalid_argument, "nothing can be read after the handler's return");
  if (in_at_ == in_.size()) return std::optional<std::string>();
  if (with_.may_act && !with_.may_act(token_)) {
    return fail(errc::leadership_lost,
                "this node does not lead any more under token " + std::to_string(token_));
  }
  return std::optional<std::string>(pop());
}

void stream::cell::peer_finished() {
  const std::lock_guard hold(lock_);
  peer_finished_ = true;
  changed_.notify_all();
}

// How it is.

void stream::cell::opened(const std::string& from, fencing_token token) {
  const std::lock_guard hold(lock_);
  peer_ = from;
  token_ = token;
}

bool stream::cell::end(const stream_end& how) {
  const std::lock_guard hold(lock_);
  if (end_) return false;
  end_ = how;
  over_ = true;
  acknowledged_ = how.acknowledged;
  out_.clear();
  block_ = {};
  changed_.notify_all();
  return true;
}

stream_end stream::cell::wait() {
  if (with_.gate->on_loop()) return {tl::unexpected(would_wait_for_itself()), acknowledged()};
  std::unique_lock hold(lock_);
  tell_read(hold);
  changed_.wait(hold, [this] { return end_.has_value(); });
  return *end_;
}

std::optional<stream_end> stream::cell::ended() const {
  const std::lock_guard hold(lock_);
  return end_;
}
std::uint64_t stream::cell::written() const {
  const std::lock_guard hold(lock_);
  return written_;
}
std::uint64_t stream::cell::acknowledged() const {
  const std::lock_guard hold(lock_);
  return acknowledged_;
}
std::string stream::cell::peer() const {
  const std::lock_guard hold(lock_);
  return peer_;
}
fencing_token stream::cell::token() const {
  const std::lock_guard hold(lock_);
  return token_;
}
std::chrono::nanoseconds stream::cell::remaining() const {
  if (with_.deadline == boot_time::never()) return std::chrono::nanoseconds::max();
  return std::max<nanoseconds>(with_.deadline - net::boot_now(), nanoseconds{0});
}

}  // namespace hedgerow
