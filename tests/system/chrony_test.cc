// Leaders on the real chronyd.

#include "tests/system/harness/chrony.h"

#include <csignal>

#include <gtest/gtest.h>

#include "tests/system/harness/clocks.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

// What chronyd said last holds for so long.
constexpr auto answer_holds = 5s;

// One that leads its group on what chronyd says, by UDP or by its Unix socket.
struct leader {
  cluster group{"2s"};
  std::string clock;
  agent* one = nullptr;
  std::size_t from = 0;  // the first event that is news

  void lead() {
    ASSERT_TRUE(becomes(clock, "synchronized", 20s)) << look(clock).out;
    one = &group.start("a", {"--clock", clock});
    ASSERT_TRUE(group.wait_formed());
  }
  void expect_leads_again() {
    ASSERT_NE(one->await("leadership", agent::leading, 20s, from), nullptr);
    EXPECT_TRUE(becomes(clock, "synchronized", 10s)) << look(clock).out;
  }
  // For want of an answer since then: as soon as the last one is void, and with these words.
  void expect_suspended(steady_clock::time_point since, const std::string& words) {
    const event* told = one->await("leadership", state_is("suspended"), 20s, from);
    ASSERT_NE(told, nullptr);
    EXPECT_LT(told->at, since + answer_holds + 1s);
    const event* why = one->await("clock", clock_is("unknown"), 2s, from);
    ASSERT_NE(why, nullptr);
    EXPECT_NE(why->body.value("text", "").find("does not answer: " + words), std::string::npos)
        << why->body;
    const outcome seen = look(clock);
    EXPECT_EQ(seen.code, 1);
    EXPECT_NE(seen.err.find("does not answer: " + words), std::string::npos) << seen.err;
  }
};

// Both at the same time, as the waits are what takes long.
class real_chronyd : public testing::Test {
 protected:
  void SetUp() override {
    udp.clock = "chrony:" + daemons.udp();
    socket.clock = "chrony:" + daemons.socket();
    for (leader* each : both)
      ASSERT_NO_FATAL_FAILURE(each->lead());
    news_from_here();
  }
  void TearDown() override {
    if (HasFailure()) std::fputs(daemons.told().c_str(), stderr);
  }

  void news_from_here() {
    for (leader* each : both)
      each->from = each->one->count();
  }
  void expect_both_lead_again() {
    for (leader* each : both)
      ASSERT_NO_FATAL_FAILURE(each->expect_leads_again());
  }

  leader udp;
  leader socket;
  leader* both[2] = {&udp, &socket};
  chrony daemons{udp.group.folder()};
};

TEST_F(real_chronyd, is_not_waited_for_when_it_is_frozen) {
  const auto since = steady_clock::now();
  daemons.follower().signal(SIGSTOP);
  udp.expect_suspended(since, "");
  socket.expect_suspended(since, "");
  news_from_here();
  daemons.follower().signal(SIGCONT);
  expect_both_lead_again();

  daemons.follower().signal(SIGSTOP);
  for (leader* each : both) {
    each->one->itself().signal(SIGTERM);
    EXPECT_EQ(each->one->itself().wait_exit(5s), 0);
  }
}

TEST_F(real_chronyd, may_be_restarted) {
  const auto since = steady_clock::now();
  daemons.stop_follower();
  udp.expect_suspended(since, "Connection refused");
  socket.expect_suspended(since, "");
  // With a server that does not answer it has nothing to say, in words.
  news_from_here();
  daemons.stop_server();
  daemons.start_follower();
  for (leader* each : both) {
    EXPECT_TRUE(wait_for(
        [&] { return look(each->clock).err.find("is not synchronized") != std::string::npos; },
        10s))
        << look(each->clock).out;
    EXPECT_FALSE(each->one->leads());
  }
  daemons.start_server();
  expect_both_lead_again();
}

TEST(real_chronyd_of_a_bad_quartz, is_believed_until_its_error_is_too_large) {
  cluster group{"2s"};
  // A bad quartz: 50 ms are reached in 10 s.
  chrony daemons{group.folder(), {}, 5'000};
  const std::string clock = "chrony:" + daemons.udp();
  ASSERT_TRUE(becomes(clock, "synchronized", 20s)) << look(clock).out << daemons.told();
  agent& one = group.start("a", {"--clock", clock});
  ASSERT_TRUE(group.wait_formed());

  // Its server gone, it runs freely: the agent leads on while the error is small enough.
  const std::size_t from = one.count();
  const auto since = steady_clock::now();
  daemons.stop_server();
  ASSERT_NE(one.await("clock", clock_is("free_running"), 20s, from), nullptr);
  EXPECT_EQ(one.first("leadership", agent::any, from), nullptr);
  const json told = look(clock).object();  // of a command that has not seen it synchronized
  EXPECT_EQ(told["status"], "unknown");
  EXPECT_NE(told.value("text", "").find("has not reached its servers"), std::string::npos) << told;

  const event* lost = one.await("leadership", state_is("suspended"), 30s, from);
  ASSERT_NE(lost, nullptr) << daemons.told();
  EXPECT_NE(one.await("clock", clock_is("too_wide"), 2s, from), nullptr);
  EXPECT_LT(lost->at, since + 11s);
}

}  // namespace
}  // namespace hedgerow::system_test
