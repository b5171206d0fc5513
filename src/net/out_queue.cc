#include "net/out_queue.h"

#include <algorithm>
#include <utility>

#include "model/limits.h"
#include "wire/codec.h"

namespace hedgerow::net {
namespace {

// Copying a payload up to here is cheaper than an entry of its own.
constexpr std::size_t copy_max = 4 * 1024;
// Short frames share a chunk up to here. Not more: what comes later with a higher priority waits
// for the end of a chunk.
constexpr std::size_t shared_chunk_bytes = 16 * 1024;
constexpr std::size_t control_bytes_max = 4 * limits::control_bytes_max;

}  // namespace

bool out_queue::push(const message::any& what) {
  const bool is_bulk = wire::carries_payload(wire::type_of(what));
  lane& to = is_bulk ? bulk_ : control_;
  if (!is_bulk && to.bytes >= control_bytes_max) return false;

  const bool join = !to.frames.empty() && !to.frames.back().payload &&
                    to.frames.back().text.size() < shared_chunk_bytes;
  std::string own = join ? std::string() : std::exchange(spare_, {});
  own.clear();
  std::string& text = join ? to.frames.back().text : own;
  const std::size_t before = text.size();
  auto rest = wire::encode(what, payload_limit_, copy_max, text);
  if (!rest) return false;
  const std::size_t added = text.size() - before + as_view(*rest).size();
  if (is_bulk && to.bytes > 0 && to.bytes + added > bytes_max_) {
    text.resize(before);
    return false;
  }
  to.bytes += added;
  const std::size_t shared =
      wire::type_of(what) == wire::frame_type::request ? as_view(*rest).size() : 0;
  if (join) {
    to.frames.back().payload = std::move(*rest);
  } else {
    to.frames.push_back({std::move(own), std::move(*rest), 0, is_bulk, 0});
  }
  to.frames.back().held += added - shared;
  held_ += added - shared;
  return true;
}

void out_queue::push_frame(std::string frame) {
  control_.bytes += frame.size();
  held_ += frame.size();
  const std::size_t size = frame.size();
  control_.frames.push_back({std::move(frame), nullptr, 0, false, size});
}

void out_queue::clear() {
  current_.reset();
  control_ = {};
  bulk_ = {};
  held_ = 0;
}

std::size_t out_queue::gather(std::span<iovec> pieces) const {
  std::size_t used = 0;
  const auto add = [&](std::string_view text, std::size_t skip) {
    if (skip >= text.size() || used == pieces.size()) return;
    // iovec serves reading too and knows no const.
    pieces[used++] = {const_cast<char*>(text.data()) + skip, text.size() - skip};
  };
  const auto add_chunk = [&](const chunk& each) {
    add(each.text, each.done);
    add(as_view(each.payload), each.done - std::min(each.done, each.text.size()));
  };
  if (current_) add_chunk(*current_);
  for (const lane* from : {&control_, &bulk_}) {
    for (const chunk& each : from->frames) {
      if (used == pieces.size()) return used;
      add_chunk(each);
    }
  }
  return used;
}

void out_queue::sent(std::size_t count) {
  while (count > 0) {
    if (!current_) {
      auto& frames = control_.frames.empty() ? bulk_.frames : control_.frames;
      current_ = std::move(frames.front());
      frames.pop_front();
    }
    const std::size_t now = std::min(count, current_->size() - current_->done);
    current_->done += now;
    count -= now;
    (current_->bulk ? bulk_ : control_).bytes -= now;
    if (current_->done == current_->size()) finish_current();
  }
}

void out_queue::finish_current() {
  held_ -= current_->held;
  if (current_->text.capacity() <= 2 * shared_chunk_bytes) spare_ = std::move(current_->text);
  current_.reset();
}

}  // namespace hedgerow::net
