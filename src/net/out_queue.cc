#include "net/out_queue.h"

#include <algorithm>
#include <utility>
#include <variant>

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

// `data` bytes of streams are among the `more`.
bool out_queue::has_room(message::lane at, std::size_t more, std::size_t data) const {
  const std::size_t bytes = of(at).bytes;
  if (at == message::lane::calls) return bytes == 0 || bytes + more <= bytes_max_;
  if (data > 0) return data_ == 0 || data_ + data <= limits::stream_lane_bytes_max;
  return bytes < control_bytes_max;
}

bool out_queue::push(const message::any& what) {
  const message::lane at = message::lane_of(what);
  queued& to = of(at);
  const auto* data = std::get_if<message::stream_data>(&what);
  const std::size_t data_bytes = data != nullptr ? data->data.size() : 0;
  // What is refused anyway is not encoded; of requests the size is known only then.
  if (!has_room(at, 0, data_bytes)) return false;

  const bool join = !to.chunks.empty() && to.chunks.back().payload.empty() &&
                    to.chunks.back().text.size() < shared_chunk_bytes;
  std::string own = join ? std::string() : std::exchange(spare_, {});
  own.clear();
  std::string& text = join ? to.chunks.back().text : own;
  const std::size_t before = text.size();
  auto rest = wire::encode(what, payload_limit_, copy_max, text);
  if (!rest) return false;
  const std::size_t added = text.size() - before + rest->size();
  if (!has_room(at, added, data_bytes)) {
    text.resize(before);
    return false;
  }
  to.bytes += added;
  data_ += data_bytes;
  const std::size_t shared = std::holds_alternative<message::request>(what) ? rest->size() : 0;
  if (!join) {
    chunk& made = to.chunks.emplace_back();
    made.text = std::move(own);
    made.lane = at;
    ++chunks_;
  }
  chunk& in = to.chunks.back();
  in.payload = rest->kept();
  in.held += added - shared;
  in.data += data_bytes;
  held_ += added - shared;
  return true;
}

void out_queue::push_frame(std::string frame) {
  const std::size_t size = frame.size();
  queued& to = of(message::lane::control);
  to.bytes += size;
  held_ += size;
  to.chunks.push_back({std::move(frame), {}, 0, message::lane::control, size, 0});
  ++chunks_;
}

void out_queue::clear() {
  current_.reset();
  lanes_ = {};
  chunks_ = 0;
  held_ = 0;
  data_ = 0;
  drained_ = 0;
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
    add(each.payload.text, each.done - std::min(each.done, each.text.size()));
  };
  if (current_) add_chunk(*current_);
  for (const queued& from : lanes_) {
    for (const chunk& each : from.chunks) {
      if (used == pieces.size()) return used;
      add_chunk(each);
    }
  }
  return used;
}

void out_queue::sent(std::size_t count) {
  while (count > 0) {
    if (current_) {
      if (advance(*current_, count)) current_.reset();
      continue;
    }
    // As gather() has it.
    auto& chunks = std::find_if(lanes_.begin(), lanes_.end(), [](const queued& each) {
                     return !each.chunks.empty();
                   })->chunks;
    if (!advance(chunks.front(), count)) current_ = std::move(chunks.front());
    chunks.pop_front();
  }
}

// So many bytes of it have left, which are taken from `count`. True: it is written.
bool out_queue::advance(chunk& one, std::size_t& count) {
  const std::size_t now = std::min(count, one.size() - one.done);
  one.done += now;
  count -= now;
  of(one.lane).bytes -= now;
  if (one.done < one.size()) return false;
  --chunks_;
  held_ -= one.held;
  data_ -= one.data;
  drained_ += one.data;
  if (one.text.capacity() <= 2 * shared_chunk_bytes) spare_ = std::move(one.text);
  return true;
}

}  // namespace hedgerow::net
