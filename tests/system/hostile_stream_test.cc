// Peers that break the rules of streams, against a group of three agents that echo.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/limits.h"
#include "tests/system/harness/attacked_group.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using message::stream_code;

std::string opening_of(std::uint64_t stream, std::uint64_t limit = limits::stream_window_first) {
  return frame_of(message::stream_open{stream, message::request_kind::send, limit, {}, {}, {}, {}});
}

// Zeros: messages without a byte.
std::string data_of(std::uint64_t stream, std::size_t bytes) {
  return frame_of(message::stream_data{stream, slice(make_bytes(std::string(bytes, '\0')))});
}

class hostile_streams : public attacked_group {
 protected:
  // While the attack goes on.
  void expect_streams() {
    const outcome echoed = group.run({"stream", "--deadline", "10s"}, "one\ntwo\n");
    EXPECT_EQ(echoed.code, 0) << echoed.err;
    EXPECT_EQ(echoed.out, leader->name() + ": one\n" + leader->name() + ": two\n");
  }
};

TEST_F(hostile_streams, a_million_are_too_many) {
  hostile_peer peer = guest();
  std::string batch;
  bool there = true;
  for (std::uint64_t stream = 1; there && stream <= 1'000'000; ++stream) {
    batch += opening_of(stream);
    if (stream % 1000 != 0) continue;
    // It reads what it is answered, so nothing else ends it.
    there = peer.say_all(batch) && peer.listen();
    batch.clear();
    if (stream % 250'000 == 0) expect_answers(1);
  }
  EXPECT_TRUE(there);
  expect_unharmed(64 * mib);
}

TEST_F(hostile_streams, who_opens_many_and_is_deaf_holds_only_so_much) {
  auto peer = std::make_unique<hostile_peer>(guest());
  std::string batch;
  for (std::uint64_t stream = 1; stream <= 200'000; ++stream)
    batch += opening_of(stream);
  // Once its socket takes no more answers they wait, up to a bound.
  peer->say_all(batch);
  expect_answers(2);
  expect_unharmed(64 * mib);
  peer.reset();
  expect_streams();
}

// As many as there are handlers, of which one connection gets a share; they stand still.
TEST_F(hostile_streams, one_peer_does_not_have_all_handlers) {
  std::vector<hostile_peer> still;
  for (int i = 0; i < 3; ++i) {
    still.push_back(guest());
    std::string batch;
    for (std::uint64_t stream = 1; stream <= 100; ++stream)
      batch += opening_of(stream);
    EXPECT_TRUE(still.back().say_all(batch));
    expect_streams();
  }
  expect_unharmed(64 * mib);
}

TEST_F(hostile_streams, windows_are_not_overdrawn) {
  const std::string much = data_of(1, limits::stream_frame_bytes);
  attack cheats{[&] {
    hostile_peer peer = guest(hello_of_client() + opening_of(1, 4));
    // The echoes have no window, so the reader stops: what comes is beyond its own window soon.
    for (int i = 0; i < 200 && peer.say_all(much); ++i)
      peer.listen();
  }};
  expect_answers(3);
  expect_streams();
  cheats.end();
  EXPECT_GT(cheats.rounds(), 1);
  expect_unharmed(64 * mib);
}

TEST_F(hostile_streams, what_stays_half_open_holds_only_so_much) {
  std::vector<hostile_peer> silent;
  for (int i = 0; i < 100; ++i) {
    // Half a length, half a message, a whole one without an end; then no word, and no ear.
    std::string words = hello_of_client();
    for (std::uint64_t stream = 1; stream <= 10; ++stream)
      words += opening_of(stream);
    for (std::uint64_t stream = 1; stream <= 10; ++stream)
      words += data_of(stream, stream);
    silent.push_back(guest(words));
  }
  expect_answers(3);
  silent.clear();
  expect_streams();
  expect_unharmed(64 * mib);
}

// Whatever comes, in any order and any state.
TEST_F(hostile_streams, any_order_of_frames_is_survived) {
  std::minstd_rand dice{11};
  const auto below = [&dice](std::size_t count) { return dice() % count; };
  const auto any_frame = [&](std::uint64_t stream) -> std::string {
    switch (below(7)) {
      case 0:
      case 1:
        return opening_of(stream, below(200'000));
      case 2:
        return data_of(stream, 1 + below(2000));
      case 3:
        return frame_of(message::stream_credit{stream, below(1'000'000), below(4)});
      case 4:
        return frame_of(message::stream_finish{stream});
      case 5:
        return frame_of(message::stream_accept{stream, below(100'000), token, "a"});
      default:
        return frame_of(message::stream_reset{
            stream, static_cast<stream_code>(below(10)), below(3), "why not", {1, 2}, "elsewhere"});
    }
  };
  attack frames{[&] {
    hostile_peer peer = guest();
    for (int i = 0; i < 300; ++i) {
      if (!peer.say_all(any_frame(below(4))) || !peer.listen()) break;
    }
    if (below(2) == 0) peer.reset();
  }};
  expect_answers(5);
  expect_streams();
  frames.end();
  EXPECT_GT(frames.rounds(), 20);
  expect_unharmed(64 * mib);
}

}  // namespace
}  // namespace hedgerow::system_test
