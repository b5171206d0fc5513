// Streams with a peer that may send any frame, in any order, and a user that may do anything.
//
// One node is opener and acceptor. The input is a sequence of events: a byte says which, those that
// follow are its arguments.

#include "core/messaging/streams.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "base/little_endian.h"
#include "fuzz/lib/target.h"

using namespace hedgerow;
using namespace hedgerow::core;

namespace {

constexpr std::size_t connection_bytes = 3 * limits::stream_window_first + 100'000;
constexpr std::size_t message_bytes_max = 100'000;
constexpr std::uint64_t connections = 3;
constexpr std::size_t length_size = message::stream_length_bytes;
constexpr std::size_t steps_max = 2000;

const target peer{"peer", "host:1", {1, 2}};
const target other{"other", "host:2", {3, 4}};

struct user {
  bool open = false;
  bool finished = false;
  std::uint64_t unread = 0;
  std::size_t unread_bytes = 0;  // without lengths
  std::uint64_t written = 0;
  std::uint64_t acknowledged = 0;
};

class desk {
 public:
  explicit desk(fuzz::input& in) : in_(in) {}

  void run() {
    for (std::size_t i = 0; i < steps_max && !in_.rest().empty(); ++i) {
      if (in_.choice(2) == 0) {
        frame();
      } else if (in_.choice(3) == 0) {
        surroundings();
      } else {
        users_turn();
      }
      carry_out();
      check();
    }
    core_.stop(now_, out_);
    carry_out();
    check();
    HEDGEROW_ASSERT(core_.open() == 0 && users_.empty());
    for (std::uint64_t c = 1; c <= connections; ++c)
      HEDGEROW_ASSERT(core_.promised(c) == 0);
  }

 private:
  std::uint64_t connection() { return 1 + in_.choice(connections); }
  // Few, so that they meet.
  std::uint64_t wire() { return 1 + in_.choice(6); }
  std::uint64_t amount() {
    constexpr std::array<std::uint64_t, 8> interesting{
        0, 1, 5, 1000, limits::stream_window_first, 100'004, 1'000'000, UINT64_MAX};
    return interesting.at(in_.choice(interesting.size()));
  }
  stream_id any_end() {
    if (users_.empty()) return 1;
    auto at = users_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(in_.choice(users_.size())));
    return at->first;
  }

  void frame() {
    const auto from = connection();
    switch (in_.choice(6)) {
      case 0: {
        const auto kind =
            in_.choice(2) == 0 ? message::request_kind::send : message::request_kind::broadcast;
        message::stream_open open{wire(), kind, amount(), {}, {}, "peer", {}};
        open.remaining = nanoseconds{static_cast<std::int64_t>(amount() / 2)};
        open.idle = nanoseconds{static_cast<std::int64_t>(amount() / 2)};
        return core_.on_open(now_, from, std::move(open), may_, out_);
      }
      case 1:
        return core_.on_accept(now_, from, {wire(), amount(), 7, "peer"}, out_);
      case 2:
        return core_.on_credit(now_, from, {wire(), amount(), in_.choice(4)}, out_);
      case 3:
        return core_.on_finish(now_, from, {wire()}, out_);
      case 4: {
        message::stream_reset reset{wire(), {}, in_.choice(4), "no", {}, {}};
        reset.code = static_cast<message::stream_code>(in_.choice(10));
        if (in_.choice(2) == 0) reset.leader = other.incarnation;
        return core_.on_reset(now_, from, std::move(reset), out_);
      }
      default:
        return data(from);
    }
  }

  // Lent for the length of the call, as the transport does.
  void data(std::uint64_t from) {
    std::string bytes;
    for (auto count = 1 + in_.choice(4); count > 0; --count) {
      const auto size = std::min<std::uint64_t>(amount(), limits::stream_window_first);
      message::append_stream_length(bytes, size);
      bytes.append(in_.choice(3) == 0 ? size / 2 : size, 'x');
    }
    bytes.resize(std::min(bytes.size(), limits::stream_frame_bytes_max));
    core_.on_data(now_, from, {wire(), slice({}, bytes)}, may_.acting, out_);
    carry_out();
  }

  void surroundings() {
    switch (in_.choice(8)) {
      case 0:
        now_ = now_ + milliseconds{static_cast<std::int64_t>(in_.choice(256)) * 50};
        core_.tick(now_, out_);
        HEDGEROW_ASSERT(core_.next_wake() > now_);
        return;
      case 1:
        may_.acting = static_cast<fencing_token>(in_.choice(3)) * 7;
        return core_.on_acting(now_, may_.acting, out_);
      case 2:
        may_.member = in_.choice(2) == 0;
        may_.stopping = in_.choice(4) == 3;
        return;
      case 3: {
        const auto who = in_.choice(3);
        return core_.on_leader(now_,
                               who == 0   ? std::optional<target>()
                               : who == 1 ? peer
                                          : other,
                               out_);
      }
      case 4:
        return core_.on_connected(now_, in_.choice(2) == 0 ? peer.incarnation : other.incarnation,
                                  connection(), out_);
      case 5:
        return core_.on_unreachable(now_, in_.choice(2) == 0 ? peer.incarnation : other.incarnation,
                                    "refused", in_.choice(2) == 0, out_);
      case 6: {
        const auto gone = connection();
        core_.on_connection_gone(now_, gone, "cut", out_);
        HEDGEROW_ASSERT(core_.promised(gone) == 0);
        return;
      }
      default:
        return core_.on_drained(now_, connection(), amount(), out_);
    }
  }

  void users_turn() {
    const auto id = any_end();
    switch (in_.choice(5)) {
      case 0: {
        stream_request what;
        what.opening_deadline = now_ + milliseconds{500};
        if (in_.choice(2) == 0) what.deadline = now_ + milliseconds{700};
        if (in_.choice(2) == 0) what.idle = milliseconds{60};
        if (in_.choice(3) == 0) {
          what.kind = message::request_kind::broadcast;
          what.to = peer;
        }
        const auto opened = core_.new_id();
        users_[opened] = {};
        core_.open(now_, opened, std::move(what), out_);
        return;
      }
      case 1:
        return write(id);
      case 2:
        return core_.finish(now_, id, out_);
      case 3:
        return core_.cancel(now_, id, message::stream_code::cancelled, "enough", out_);
      default:
        return consume(id);
    }
  }

  void write(stream_id id) {
    const auto at = users_.find(id);
    if (at == users_.end()) return;
    std::string bytes;
    const std::size_t size = std::min<std::uint64_t>(amount(), message_bytes_max);
    message::append_stream_length(bytes, size);
    bytes.append(size, 'y');
    ++at->second.written;
    core_.write(now_, id, slice(make_bytes(bytes)), 1, out_);
  }

  void consume(stream_id id) {
    const auto at = users_.find(id);
    if (at == users_.end()) return;
    const auto messages = std::exchange(at->second.unread, 0);
    const auto bytes = std::exchange(at->second.unread_bytes, 0);
    core_.consumed(now_, id, messages, bytes, out_);
  }

  void check() {
    HEDGEROW_ASSERT(core_.open() == users_.size());
    for (std::uint64_t c = 1; c <= connections; ++c)
      HEDGEROW_ASSERT(core_.promised(c) <= connection_bytes);
    for (const auto& [id, u] : users_)
      HEDGEROW_ASSERT(u.unread_bytes + length_size * u.unread <= connection_bytes);
  }

  // What is said about an end is about one that has not ended.
  user& of(stream_id id) {
    const auto at = users_.find(id);
    HEDGEROW_ASSERT(at != users_.end());
    return at->second;
  }

  void carry_out() {
    while (!out_.empty()) {
      for (auto& e : std::exchange(out_, {}))
        std::visit([&](auto& one) { note(one); }, e);
    }
  }
  void note(const stream_effect::connect& e) { HEDGEROW_ASSERT(!e.to.incarnation.empty()); }
  void note(const stream_effect::transmit& e) {
    HEDGEROW_ASSERT(e.connection != 0);
    if (const auto* data = std::get_if<message::stream_data>(&e.what)) {
      HEDGEROW_ASSERT(!data->data.empty() && data->data.size() <= limits::stream_frame_bytes);
    }
  }
  void note(const stream_effect::busy& e) {
    HEDGEROW_ASSERT(std::exchange(busy_[e.connection], e.now) != e.now);
  }
  void note(const stream_effect::offered& e) {
    HEDGEROW_ASSERT(users_.emplace(e.id, user{}).second);
    HEDGEROW_ASSERT(e.what.kind != message::request_kind::send || e.what.token == may_.acting);
    users_[e.id].open = true;
  }
  void note(const stream_effect::opened& e) {
    HEDGEROW_ASSERT(!std::exchange(of(e.id).open, true));
  }
  void note(const stream_effect::arrived& e) {
    user& u = of(e.id);
    HEDGEROW_ASSERT(u.open && !u.finished);
    u.unread_bytes += e.block.size();
    if (!e.framed) {
      ++u.unread;
      return;
    }
    for (std::string_view rest = e.block.text; !rest.empty(); ++u.unread) {
      HEDGEROW_ASSERT(rest.size() >= length_size);
      const std::size_t size = base::load_u32(rest.data());
      HEDGEROW_ASSERT(size <= message_bytes_max && size <= rest.size() - length_size);
      rest.remove_prefix(length_size + size);
      u.unread_bytes -= length_size;
    }
  }
  void note(const stream_effect::finished& e) {
    HEDGEROW_ASSERT(!std::exchange(of(e.id).finished, true));
  }
  void note(const stream_effect::taken& e) { HEDGEROW_ASSERT(of(e.id).open && e.bytes > 0); }
  void note(const stream_effect::acknowledged& e) {
    user& u = of(e.id);
    HEDGEROW_ASSERT(e.messages > u.acknowledged && e.messages <= u.written);
    u.acknowledged = e.messages;
  }
  void note(const stream_effect::ended& e) {
    const user& u = of(e.id);
    HEDGEROW_ASSERT(e.how.acknowledged >= u.acknowledged && e.how.acknowledged <= u.written);
    HEDGEROW_ASSERT(!e.how.outcome || (u.finished && u.unread == 0));
    users_.erase(e.id);
  }

  fuzz::input& in_;
  boot_time now_{1'000'000'000'000};
  streams core_{{"me", message_bytes_max, connection_bytes}};
  streams::authority may_{7, true, false, 6, {}, {}};
  stream_effects out_;
  std::map<stream_id, user> users_;
  std::map<std::uint64_t, bool> busy_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  desk(in).run();
  return 0;
}
