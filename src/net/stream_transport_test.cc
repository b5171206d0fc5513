// What streams ask of the transport: much data, behind everything else, from a sender that keeps
// count.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/test_guest.h"
#include "wire/codec.h"

namespace hedgerow::net {
namespace {

using ports::connection_id;

char byte_at(std::uint64_t position) {
  return static_cast<char>((position * 2654435761U) >> 20U);
}

// Sends `total` bytes on one stream, as far as the lane has room, and goes on when it drains.
class sender {
 public:
  sender(node& from, connection_id on, std::uint64_t total)
      : from_(from), on_(on), total_(total), pattern_(make_pattern()) {
    from_.when_drained = [this](connection_id, std::size_t bytes) {
      HEDGEROW_ASSERT(bytes <= queued_);
      queued_ -= bytes;
      ++rounds;
      pump();
    };
  }

  void pump() {
    while (sent < total_ && queued_ < limits::stream_lane_bytes) {
      const std::size_t most = std::min<std::uint64_t>(total_ - sent, limits::stream_frame_bytes);
      const std::size_t size = sent % 7 == 0 ? std::min<std::size_t>(most, 100) : most;
      const auto part = as_view(pattern_).substr(sent % pattern_bytes, size);
      HEDGEROW_ASSERT(from_.net->send(on_, message::stream_data{1, {pattern_, part}}));
      sent += part.size();
      queued_ += part.size();
    }
  }
  std::size_t queued() const { return queued_; }

  std::uint64_t sent = 0;
  int rounds = 0;

 private:
  // Its positions are those of the stream, modulo.
  static constexpr std::size_t pattern_bytes = 1 << 20;
  static bytes make_pattern() {
    std::string out(pattern_bytes, '\0');
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = byte_at(i);
    return make_bytes(out);
  }

  node& from_;
  connection_id on_;
  std::uint64_t total_;
  bytes pattern_;
  std::size_t queued_ = 0;
};

// Checks each byte of what it hears.
struct receiver {
  explicit receiver(node& at) : pattern(1 << 20, '\0') {
    for (std::size_t i = 0; i < pattern.size(); ++i)
      pattern[i] = byte_at(i);
    at.when_data = [this](connection_id, const message::stream_data& what) {
      std::string_view left = what.data.text;
      while (!left.empty()) {
        const auto expected = std::string_view(pattern).substr(heard % pattern.size(), left.size());
        if (left.substr(0, expected.size()) != expected) wrong = true;
        heard += expected.size();
        left.remove_prefix(expected.size());
      }
    };
  }
  std::string pattern;
  std::uint64_t heard = 0;
  bool wrong = false;
};

class stream_transport_test : public guest_scene, public ::testing::Test {
 protected:
  // An open connection from outside the library, and its id here.
  std::unique_ptr<guest_socket> guest() {
    auto made = guest_of(server);
    id = server.opened.back().first;
    return made;
  }
  std::uint64_t count(occurrence what) const { return server.net->counts()->of(what); }
  static std::string frame_of(const message::any& what) {
    std::string out;
    HEDGEROW_ASSERT(wire::encode(what, limits::payload_bytes_default, out));
    return out;
  }
  static std::string data_frame(std::size_t length, std::string body) {
    const auto header =
        wire::encode_header({static_cast<std::uint32_t>(length), wire::frame_type::stream_data});
    return std::string(header.data(), header.size()) + std::move(body);
  }
  static std::vector<wire::frame_type> types_in(std::string_view wire) {
    std::vector<wire::frame_type> out;
    while (wire.size() >= wire::frame_header_bytes) {
      const auto stage = out.empty() ? wire::stage::awaiting_answer : wire::stage::open;
      const auto header = wire::decode_header(wire, stage, limits::payload_bytes_default);
      HEDGEROW_ASSERT(header);
      out.push_back(header->type);
      wire.remove_prefix(std::min(wire.size(), wire::frame_header_bytes + header->length));
    }
    return out;
  }

  node server{"ann"};
  connection_id id = 0;
};

TEST_F(stream_transport_test, carries_a_hundred_megabytes_both_ways_and_other_messages_between) {
  constexpr std::uint64_t total = 100'000'000;
  node b("bob");
  server.listen(loop);
  b.listen(loop);
  const auto [at_a, at_b] = join(server, b);
  sender there(server, at_a, total);
  sender back(b, at_b, total);
  receiver here(server);
  receiver away(b);
  there.pump();
  back.pump();
  std::uint64_t probes = 0;
  ASSERT_TRUE(until([&] {
    if (probes < 100) {
      ++probes;
      HEDGEROW_ASSERT(server.net->send(at_a, message::probe{probes, {}}));
      HEDGEROW_ASSERT(server.net->send(at_a, request_of("ask", probes)));
    }
    return here.heard == total && away.heard == total && b.heard.size() == 2 * probes;
  }));
  EXPECT_FALSE(here.wrong || away.wrong);
  EXPECT_EQ(there.sent, total);
  ASSERT_TRUE(until([&] { return there.queued() == 0 && back.queued() == 0; }));
  EXPECT_EQ(server.drained, total);
  EXPECT_TRUE(server.closed.empty() && b.closed.empty());
}

TEST_F(stream_transport_test, lets_all_others_overtake_data_that_waits) {
  server.listen(loop);
  const auto slow = guest();
  sender bulk(server, id, 1 << 30);
  bulk.pump();
  // Until the kernel takes no more.
  int rounds = -1;
  ASSERT_TRUE(until([&] {
    settle();
    return std::exchange(rounds, bulk.rounds) == bulk.rounds;
  }));
  ASSERT_GE(bulk.queued(), limits::stream_lane_bytes / 2);
  ASSERT_TRUE(server.net->send(id, request_of("ask")));
  ASSERT_TRUE(server.net->send(id, message::probe{1, {}}));
  server.when_drained = nullptr;
  ASSERT_TRUE(until([&] {
    slow->ended();
    return server.drained == bulk.sent;
  }));
  settle();
  slow->ended();
  const auto got = types_in(slow->heard());
  const auto probe = std::find(got.begin(), got.end(), wire::frame_type::probe);
  const auto request = std::find(got.begin(), got.end(), wire::frame_type::request);
  ASSERT_TRUE(probe != got.end() && request != got.end());
  EXPECT_EQ(request - probe, 1) << "the more urgent one first";
  const auto behind = std::count(request, got.end(), wire::frame_type::stream_data);
  EXPECT_GE(behind, static_cast<std::ptrdiff_t>(limits::stream_lane_bytes /
                                                limits::stream_frame_bytes / 2));
}

TEST_F(stream_transport_test, goes_on_by_itself_and_lets_others_have_their_turn) {
  node b("bob");
  node c("cid");
  server.listen(loop);
  b.listen(loop);
  c.listen(loop);
  const auto busy = join(server, b).first;
  const auto quiet = join(server, c).first;
  sender bulk(server, busy, 30'000'000);
  receiver away(b);
  bulk.pump();
  ASSERT_TRUE(server.net->send(quiet, message::leave{}));
  std::uint64_t before = 0;
  c.when_heard = [&](connection_id, const message::any&) { before = away.heard; };
  ASSERT_TRUE(until([&] { return away.heard == 30'000'000; }));
  EXPECT_FALSE(away.wrong);
  ASSERT_EQ(c.heard.size(), 1U);
  EXPECT_LT(before, 15'000'000U);
}

TEST_F(stream_transport_test, bounds_what_waits_for_one_that_never_reads_and_ends_it) {
  transport_options options;
  options.stall_timeout = milliseconds(200);
  server.listen(loop, options);
  const auto deaf = guest();
  const message::stream_data frame{1,
                                   slice(make_bytes(std::string(limits::stream_frame_bytes, 'd')))};
  constexpr std::size_t most = limits::stream_lane_bytes / limits::stream_frame_bytes + 1;
  std::size_t sent = 0;
  // Until the kernel takes no more.
  for (std::size_t more = 1; more > 0; settle()) {
    for (more = 0; server.net->send(id, frame); ++more)
      sent += limits::stream_frame_bytes;
    ASSERT_LE(more, most);
    ASSERT_LE(sent - server.drained, most * limits::stream_frame_bytes);
  }
  const std::size_t drained = server.drained;
  ASSERT_TRUE(until([&] { return !server.closed.empty(); }));
  EXPECT_EQ(count(occurrence::writes_stalled), 1U);
  settle();
  EXPECT_EQ(server.drained, drained) << "no news of a connection that is gone";
}

TEST_F(stream_transport_test, ends_who_sends_data_byte_by_byte) {
  transport_options options;
  options.stall_timeout = milliseconds(200);
  server.listen(loop, options);
  const auto drip = guest();
  std::size_t heard = 0;
  server.when_data = [&](connection_id, const message::stream_data& what) {
    heard += what.data.size();
  };
  drip->say(data_frame(10'008, std::string(8, 's')));
  ASSERT_TRUE(until([&] {
    settle();
    drip->offer("d");
    return !server.closed.empty();
  }));
  EXPECT_GT(heard, 0U) << "each byte was handed on";
  EXPECT_EQ(count(occurrence::frames_stalled), 1U);
}

TEST_F(stream_transport_test, ends_who_sends_malformed_frames_of_streams) {
  server.listen(loop);
  std::string negative = frame_of(message::stream_credit{1, 1, 1});
  negative.replace(8, 6, std::string("\x10\xff\xff\xff\xff\xff", 6));
  std::uint64_t bad = 0;
  for (const std::string& frame : {data_frame(8, "01234567"), data_frame(0, ""),
                                   data_frame(9 + limits::stream_frame_bytes_max, "01234567"),
                                   negative, frame_of(message::stream_accept{1, 1, 1, "x"}),
                                   frame_of(message::stream_credit{1, UINT64_MAX, 1})}) {
    const auto peer = guest();
    peer->say(frame);
    ASSERT_TRUE(until([&] { return peer->ended(); }));
    EXPECT_EQ(count(occurrence::frames_malformed), ++bad);
  }
  EXPECT_TRUE(server.heard.empty());
  const auto good = guest();
  good->say(frame_of(message::stream_open{}) + frame_of(message::stream_finish{}) +
            frame_of(message::stream_reset{}) + frame_of(message::stream_credit{}));
  EXPECT_TRUE(until([&] { return server.heard.size() == 4; }));
}

TEST_F(stream_transport_test, leaves_a_busy_connection_its_place_however_silent) {
  transport_options options;
  options.connections_max = 2;
  server.listen(loop, options);
  const auto streaming = guest();
  const auto streaming_id = id;
  server.net->set_busy(streaming_id, true);
  server.net->set_busy(12345, true);
  const auto silent = guest();
  const auto silent_id = id;
  const boot_time from = boot_now();
  ASSERT_TRUE(until([&] { return boot_now() - from > milliseconds(1200); }));
  const auto newcomer = guest();
  ASSERT_TRUE(until([&] { return !server.closed.empty(); }));
  EXPECT_EQ(server.closed.back().first, silent_id);
  EXPECT_FALSE(streaming->ended());
  server.net->set_busy(streaming_id, false);
  const auto another = guest();
  ASSERT_TRUE(until([&] { return server.closed.size() == 2; }));
  EXPECT_EQ(server.closed.back().first, streaming_id);
}

TEST_F(stream_transport_test, may_be_closed_or_destroyed_when_something_has_drained) {
  for (const bool destroyed : {false, true}) {
    node a("ann");
    node b("bob");
    a.listen(loop);
    b.listen(loop);
    const auto on = join(a, b).first;
    std::string heard;
    b.when_data = [&](connection_id, const message::stream_data& what) { heard += what.data.text; };
    a.when_drained = [&](connection_id which, std::size_t bytes) {
      EXPECT_EQ(which, on);
      EXPECT_EQ(bytes, 5U);
      EXPECT_TRUE(a.net->send(on, message::stream_data{1, slice(make_bytes("more"))}));
      if (destroyed) {
        a.net.reset();
      } else {
        a.net->close(on);
      }
    };
    ASSERT_TRUE(a.net->send(on, message::stream_data{1, slice(make_bytes("first"))}));
    ASSERT_TRUE(until([&] { return !b.closed.empty(); }));
    EXPECT_EQ(heard, "firstmore");
    EXPECT_EQ(a.drained, 5U);
  }
}

TEST_F(stream_transport_test, wakes_the_transport_of_another_that_is_sent_to_upon_news) {
  node b("bob");
  node relay("rex");
  node end("eve");
  server.listen(loop);
  b.listen(loop);
  relay.listen(loop);
  end.listen(loop);
  const auto first = join(server, b).first;
  const auto second = join(relay, end).first;
  server.when_drained = [&](connection_id, std::size_t) {
    EXPECT_TRUE(relay.net->send(second, message::leave{}));
  };
  relay.when_drained = [&](connection_id, std::size_t) {
    EXPECT_TRUE(server.net->send(first, message::leave{}));
  };
  const auto word = message::stream_data{1, slice(make_bytes("word"))};
  ASSERT_TRUE(server.net->send(first, word));
  ASSERT_TRUE(relay.net->send(second, word));
  EXPECT_TRUE(until([&] { return end.heard.size() == 1 && b.heard.size() == 1; }));
}

}  // namespace
}  // namespace hedgerow::net
