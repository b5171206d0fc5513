// Peers that talk nonsense, flood or are silent, against a group of three agents.

#include <map>
#include <memory>
#include <random>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/system/harness/attacked_group.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

class hostile : public attacked_group {};

TEST_F(hostile, nonsense_is_dropped) {
  std::minstd_rand dice{7};
  const auto below = [&dice](std::size_t count) { return dice() % count; };
  const std::string whole = hello_of_client() + frame_of(request_of(100));
  const std::string oversized("\xff\xff\xff\x7f\x40\0\0\0", 8);
  attack nonsense{[&] {
    std::string noise(1 + below(2000), '\0');
    for (char& each : noise)
      each = static_cast<char>(dice() >> 8);
    guest(noise);
    guest(hello_of_client() + noise);
    guest(whole.substr(0, below(whole.size()))).reset();
    guest(hello_of_client() + oversized);
    guest(hello_of_client("other"));
    guest(hello_of_member({"z", "127.0.0.1:1", {7, 7}, {}, {}, {}, {}}, {1, 2}));
    guest(hello_of_client() + frame_of(message::released{token, true}));
  }};
  expect_answers(5);
  nonsense.end();
  EXPECT_GT(nonsense.rounds(), 20);
  for (const char* kind : {"handshakes_malformed: 127.0.0.1:", "handshakes_wrong_group: ",
                           "handshakes_wrong_incarnation: ", "frames_malformed: "})
    EXPECT_TRUE(warned(kind)) << kind;
  expect_unharmed(32 * mib);
}

TEST_F(hostile, a_bomb_does_not_go_off) {
  const std::string opening = hello_of_member({"z", "127.0.0.1:1", {7, 7}, {}, {}, {}, {}});
  const std::string heavy = bomb();
  attack bombs{[&] {
    hostile_peer peer{address};
    peer.say_all(opening + heavy);
    wait_for([&] { return peer.ended(); }, 2s);
  }};
  expect_answers(3);
  bombs.end();
  EXPECT_TRUE(warned("too many entries"));
  expect_unharmed(64 * mib);
}

TEST_F(hostile, ten_thousand_connections_are_too_many) {
  rlimit mine{};
  getrlimit(RLIMIT_NOFILE, &mine);
  mine.rlim_cur = mine.rlim_max;
  setrlimit(RLIMIT_NOFILE, &mine);
  ASSERT_GT(mine.rlim_cur, 10'200u) << "this test needs more descriptors: ulimit -n";
  // All kinds of silence: without a word, one byte, a whole hello, half a frame after it.
  const std::string half = frame_of(request_of(1000)).substr(0, 50);
  const std::vector<std::string> words{"", "\x20", hello_of_client(), hello_of_client() + half};
  std::vector<hostile_peer> silent;
  std::size_t connected = 0;
  for (int batch = 0; batch < 20; ++batch) {
    for (std::size_t i = 0; i < 500; ++i) {
      silent.push_back(guest(words[i % words.size()]));
      if (silent.back().connected()) ++connected;
    }
    if (batch % 5 == 4) expect_answers(1, "2s");
  }
  EXPECT_GT(connected, 9'900u);
  expect_answers(3, "2s");
  EXPECT_TRUE(warned("connections_displaced: "));
  // 4,096 connections with half a frame each, and what the allocator keeps.
  expect_unharmed(96 * mib);
  silent.clear();
  expect_answers(1);
}

TEST_F(hostile, the_slow_and_the_deaf_hold_only_so_much) {
  const std::string most = frame_of(request_of(4 * mib)).substr(0, 4 * mib - 1);
  std::vector<hostile_peer> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(guest());
    slow.back().say_all(most);
  }
  // 20 times 32 MiB of answers that nobody reads.
  const std::string ask = frame_of(request_of(mib));
  for (int i = 0; i < 20; ++i) {
    slow.push_back(guest());
    for (int n = 0; n < 32 && slow.back().say_all(ask); ++n) {
    }
    if (i % 10 == 9) expect_answers(1);
  }
  EXPECT_TRUE(warned("buffers_exceeded: "));
  // held_bytes_max, and some in the making.
  expect_unharmed(384 * mib);
}

TEST_F(hostile, a_flood_of_requests_drowns_nobody) {
  // A node that is slowed down by a sanitizer would rightly be taken for silent.
  std::vector<std::unique_ptr<hostile_peer>> peers(sanitized ? 2 : 20);
  std::string many;
  for (std::uint64_t id = 1; id <= 200; ++id)
    many += frame_of(request_of(10, id)) + frame_of(message::subscribe{}) +
            frame_of(message::view_pull{});
  attack flood{[&] {
    for (auto& one : peers) {
      // What a full socket cuts short would be nonsense to the other side.
      if (one && one->listen() && one->say_all(many)) continue;
      one = std::make_unique<hostile_peer>(guest());
    }
  }};
  expect_answers(5, "5s");
  flood.end();
  EXPECT_GT(flood.rounds(), 3);
  expect_unharmed(300 * mib);
}

TEST_F(hostile, invented_members_do_not_displace_real_ones) {
  std::uint64_t life = 1000;
  std::vector<hostile_peer> joiners;
  attack joins{
      [&] {
        // Nobody listens there; and nobody answers at the other.
        const std::string at = life % 2 == 0 ? "127.0.0.1:1" : "192.0.2.1:7000";
        const member invented{"fake-" + std::to_string(life), at, {life, 1}, {}, {}, {}, {}};
        ++life;
        if (joiners.size() > 600) joiners.clear();
        joiners.push_back(guest(hello_of_member(invented) + frame_of(message::join{invented})));
      },
      1ms};
  const auto begin = steady_clock::now();
  // On a busy machine they are slower.
  const auto lasted = [&] { return steady_clock::now() - begin; };
  while (lasted() < 4s || (joins.rounds() <= 500 && lasted() < 30s))
    expect_answers(1);
  joins.end();
  joiners.clear();
  EXPECT_GT(joins.rounds(), 500);
  expect_unharmed(64 * mib);
}

}  // namespace
}  // namespace hedgerow::system_test
