// One encrypted connection over sockets that take little at a time, or whose other end does not
// keep to the rules.

#include "net/tls_link.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/test_security.h"
#include "net/test_stranger.h"

namespace hedgerow::net {
namespace {

class tls_link_test : public ::testing::Test {
 protected:
  tls_link_test() {
    HEDGEROW_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, handles.data()) == 0);
    const int least = 1;  // the kernel makes some 4 KiB of it, less than a record
    for (const int each : handles)
      HEDGEROW_ASSERT(::setsockopt(each, SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0);
    tls_settings with;
    with.secret_file = folder.write("secret", secret);
    context = tls_context::load(with)->context;
  }
  ~tls_link_test() override {
    for (const int each : handles)
      if (each >= 0) ::close(each);
  }
  std::unique_ptr<tls_link> link(int end) {
    return std::make_unique<tls_link>(context, workspace, handles.at(static_cast<std::size_t>(end)),
                                      end == 0);
  }
  static io_outcome write(tls_link& to, std::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return to.write({&piece, text.empty() ? 0U : 1U});
  }
  // Adds what it reads; false at the end.
  static bool read(tls_link& from, std::string& into, std::size_t most) {
    std::string room(most, '\0');
    const io_outcome got = from.read(room);
    into.append(room, 0, got.bytes);
    return !got.end && got.error == 0 && !got.insecure;
  }
  static void shake_hands(tls_link& a, tls_link& b) {
    std::string nothing;
    for (int i = 0; i < 1000 && !(a.established() && b.established()); ++i) {
      for (tls_link* each : {&a, &b}) {
        write(*each, {});
        HEDGEROW_ASSERT(read(*each, nothing, 1000));
      }
    }
    HEDGEROW_ASSERT(a.established() && b.established() && nothing.empty());
  }
  // False: the link has ended. What comes behind the handshake is in `heard`.
  static bool shake_hands(tls_stranger& peer, tls_link& here, std::string& heard) {
    while (!peer.shaken() || !here.established()) {
      peer.step();
      write(here, {});
      if (!read(here, heard, 1000)) return false;
    }
    return true;
  }

  std::array<int, 2> handles{-1, -1};
  test_folder folder;
  const std::string secret = new_secret();
  std::shared_ptr<const tls_context> context;
  std::shared_ptr<tls_workspace> workspace = std::make_shared<tls_workspace>();
};

std::string pattern_of(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (char& each : out)
    each = static_cast<char>((seed = seed * 1664525U + 1013904223U) >> 24U);
  return out;
}

TEST_F(tls_link_test, delivers_all_both_ways_when_the_kernel_takes_a_part_of_a_record) {
  const auto a = link(0);
  const auto b = link(1);
  shake_hands(*a, *b);
  struct way {
    tls_link& from;
    tls_link& to;
    std::string text;
    std::size_t written = 0;
    std::string heard{};
  };
  std::vector<way> ways{{*a, *b, pattern_of(3'000'000, 1)}, {*b, *a, pattern_of(2'000'000, 2)}};
  std::size_t in_part = 0;
  for (std::size_t round = 0; round < 1'000'000; ++round) {
    bool done = true;
    for (way& w : ways) {
      // Pieces of all sizes: none, within a record, over several.
      const std::array<std::size_t, 4> sizes{round % 7, round * 37 % 5000, round * 101 % 40'000, 1};
      std::vector<iovec> pieces;
      std::size_t at = w.written;
      for (const std::size_t size : sizes) {
        const std::size_t now = std::min(size, w.text.size() - at);
        pieces.push_back({w.text.data() + at, now});
        at += now;
      }
      const io_outcome put = w.from.write(pieces);
      ASSERT_EQ(put.error, 0);
      w.written += put.bytes;
      if (w.from.held() > 0) ++in_part;
      ASSERT_TRUE(read(w.to, w.heard, 1 + round * 31 % 9000));
      done = done && w.heard.size() == w.text.size();
    }
    if (done) break;
  }
  for (const way& w : ways) {
    EXPECT_TRUE(w.heard == w.text) << w.heard.size() << " of " << w.text.size();
    EXPECT_EQ(w.from.held(), 0u);
  }
  EXPECT_GT(in_part, 100u) << "else this has proved nothing";
}

TEST_F(tls_link_test, holds_only_so_much_for_one_that_does_not_read) {
  const auto a = link(0);
  const auto b = link(1);
  shake_hands(*a, *b);
  const std::string text = pattern_of(1'000'000, 3);
  std::size_t written = 0;
  for (int i = 0; i < 100; ++i) {
    const io_outcome put = write(*a, std::string_view(text).substr(written));
    ASSERT_EQ(put.error, 0);
    written += put.bytes;
  }
  EXPECT_LT(written, 100'000u);
  EXPECT_GT(a->held(), 0u);
  EXPECT_LT(a->held(), 100'000u);
  std::string heard;
  while (heard.size() < text.size()) {
    const io_outcome put = write(*a, std::string_view(text).substr(written));
    ASSERT_EQ(put.error, 0);
    written += put.bytes;
    ASSERT_TRUE(read(*b, heard, 10'000));
  }
  EXPECT_TRUE(heard == text);
}

TEST_F(tls_link_test, finds_the_end_while_it_holds_a_part) {
  const auto a = link(0);
  auto b = link(1);
  shake_hands(*a, *b);
  write(*a, pattern_of(50'000, 4));
  ASSERT_GT(a->held(), 0u);
  b.reset();
  ::close(std::exchange(handles[1], -1));
  EXPECT_EQ(write(*a, {}).error, EPIPE);
}

// After the handshake, so by somebody with the secret; the loop must be free for the others.
TEST_F(tls_link_test, reads_only_so_much_without_data_at_once) {
  tls_stranger peer(tls_stranger::end::client, ::dup(handles[0]));
  peer.know(secret);
  const auto here = link(1);
  std::string heard;
  ASSERT_TRUE(shake_hands(peer, *here, heard));
  const int much = 1 << 20;
  ASSERT_EQ(::setsockopt(handles[0], SOL_SOCKET, SO_SNDBUF, &much, sizeof much), 0);
  int asked = 0;
  while (asked < 2000 && peer.change_keys(false))
    ++asked;
  ASSERT_EQ(asked, 2000);
  std::array<char, 1000> room{};
  io_outcome got = here->read(room);
  EXPECT_TRUE(got.more);
  EXPECT_EQ(got.bytes, 0u);
  for (int i = 0; i < 200 && got.more; ++i)
    got = here->read(room);
  EXPECT_FALSE(got.more || got.end || got.insecure);
  EXPECT_EQ(got.error, 0);
  peer.say("and now a word");
  ASSERT_TRUE(read(*here, heard, 1000));
  EXPECT_EQ(heard, "and now a word");
}

TEST_F(tls_link_test, ends_who_asks_and_asks_and_does_not_read) {
  tls_stranger peer(tls_stranger::end::client, ::dup(handles[0]));
  peer.know(secret);
  const auto here = link(1);
  std::string heard;
  ASSERT_TRUE(shake_hands(peer, *here, heard));
  bool open = true;
  for (int i = 0; i < 100'000 && open; ++i) {
    peer.change_keys(true);
    open = read(*here, heard, 1000);
    ASSERT_LE(here->held(), 256u * 1024);
  }
  EXPECT_FALSE(open);
}

}  // namespace
}  // namespace hedgerow::net
