#include "net/poller.h"

#include <memory>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"

namespace hedgerow::net {
namespace {

// A connected pair; the first end is watched.
struct pair_of_ends {
  pair_of_ends() {
    HEDGEROW_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) ==
                    0);
  }
  ~pair_of_ends() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  pair_of_ends(const pair_of_ends&) = delete;
  pair_of_ends& operator=(const pair_of_ends&) = delete;

  void say(std::string_view text) {
    HEDGEROW_ASSERT(::write(ends[1], text.data(), text.size()) == std::ssize(text));
  }
  void end() {
    ::close(ends[1]);
    ends[1] = -1;
  }

  int ends[2] = {-1, -1};
};

struct listener final : waiter {
  void on_readable() override {
    ++readable;
    if (when_readable) when_readable();
  }
  void on_writable() override { ++writable; }

  int readable = 0;
  int writable = 0;
  std::function<void()> when_readable;
};

class poller_test : public ::testing::Test {
 protected:
  poller::slot watch(const pair_of_ends& both, std::shared_ptr<listener> who) {
    poller::slot out = 0;
    HEDGEROW_ASSERT(sockets.add(both.ends[0], out) == 0);
    sockets.serve(out, std::move(who));
    return out;
  }
  // What is there without waiting; returns how many events there were.
  std::size_t look() {
    const std::size_t count = sockets.wait(0);
    for (std::size_t i = 0; i < count; ++i)
      sockets.deliver(i, [](const auto& call) { call(); });
    return count;
  }

  poller sockets;
  std::shared_ptr<listener> ann = std::make_shared<listener>();
  std::shared_ptr<listener> bob = std::make_shared<listener>();
};

TEST_F(poller_test, tells_once_for_each_wait_for_as_long_as_there_is_something) {
  pair_of_ends both;
  const auto slot = watch(both, ann);
  both.say("hello");
  EXPECT_EQ(look(), 0U) << "nobody waits";
  sockets.want_read(slot);
  look();
  look();
  EXPECT_EQ(ann->readable, 1);
  sockets.want_read(slot);
  look();
  EXPECT_EQ(ann->readable, 2) << "nobody has read it";
  EXPECT_EQ(ann->writable, 0);
  sockets.want_write(slot);
  look();
  EXPECT_EQ(ann->writable, 1);
  EXPECT_EQ(ann->readable, 2);
  sockets.remove(slot);
}

TEST_F(poller_test, waits_again_from_within_a_call) {
  pair_of_ends both;
  const auto slot = watch(both, ann);
  ann->when_readable = [&] { sockets.want_read(slot); };
  sockets.want_read(slot);
  both.say("hello");
  for (int i = 0; i < 5; ++i)
    look();
  EXPECT_EQ(ann->readable, 5);
  sockets.remove(slot);
}

TEST_F(poller_test, does_not_spin_where_nobody_hears_of_the_end) {
  pair_of_ends both;
  const auto slot = watch(both, ann);
  sockets.want_read(slot);
  both.end();
  look();
  EXPECT_EQ(ann->readable, 1);
  look();  // the wait is over, and the kernel hears of it
  EXPECT_EQ(look(), 0U);
  EXPECT_EQ(look(), 0U);
  sockets.want_read(slot);
  look();
  EXPECT_EQ(ann->readable, 2);
  sockets.remove(slot);
}

TEST_F(poller_test, tells_of_nothing_that_was_removed_meanwhile) {
  pair_of_ends first;
  pair_of_ends second;
  pair_of_ends third;
  auto a = watch(first, ann);
  auto b = watch(second, bob);
  const auto fresh = std::make_shared<listener>();
  // Whoever is called first removes the other, whose place a third one then takes.
  const auto replace = [&](poller::slot other) {
    sockets.remove(other);
    const auto c = watch(third, fresh);
    EXPECT_EQ(c, other);
    sockets.want_read(c);
  };
  ann->when_readable = [&] { replace(b); };
  bob->when_readable = [&] { replace(a); };
  for (const auto each : {a, b})
    sockets.want_read(each);
  first.say("1");
  second.say("2");
  EXPECT_EQ(look(), 2U);
  EXPECT_EQ(ann->readable + bob->readable, 1);
  EXPECT_EQ(fresh->readable, 0);
  third.say("3");
  look();
  EXPECT_EQ(fresh->readable, 1);
}

TEST_F(poller_test, lets_go_of_who_waited) {
  pair_of_ends both;
  const auto slot = watch(both, ann);
  const std::weak_ptr<listener> there = ann;
  ann->when_readable = [&] {
    ann.reset();
    sockets.remove(slot);
    EXPECT_FALSE(there.expired()) << "not while it is called";
  };
  sockets.want_read(slot);
  both.say("hello");
  look();
  EXPECT_TRUE(there.expired());
}

TEST_F(poller_test, says_why_it_cannot_watch) {
  poller::slot slot = 0;
  EXPECT_EQ(sockets.add(-1, slot), EBADF);
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(sockets.add(file, slot), EPERM);
  ::close(file);
}

}  // namespace
}  // namespace hedgerow::net
