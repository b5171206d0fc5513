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

class real_chronyd : public testing::TestWithParam<std::string> {
 protected:
  void TearDown() override {
    if (HasFailure()) std::fputs(daemons.told().c_str(), stderr);
  }

  std::string clock() const {
    return "chrony:" + (GetParam() == "udp" ? daemons.udp() : daemons.socket());
  }
  void lead() {
    ASSERT_TRUE(becomes(clock(), "synchronized", 20s)) << look(clock()).out;
    one = &group.start("a", {"--clock", clock()});
    ASSERT_TRUE(group.wait_formed());
  }
  void expect_leads_again(std::size_t from) {
    ASSERT_NE(one->await("leadership", agent::leading, 20s, from), nullptr);
    EXPECT_TRUE(becomes(clock(), "synchronized", 10s)) << look(clock()).out;
  }
  // For want of an answer since then: as soon as the last one is void, and with these words.
  void expect_suspended(std::size_t from, steady_clock::time_point since,
                        const std::string& words) {
    const event* told = one->await("leadership", state_is("suspended"), 20s, from);
    ASSERT_NE(told, nullptr);
    EXPECT_LT(told->at, since + answer_holds + 1s);
    const event* why = one->await("clock", clock_is("unknown"), 2s, from);
    ASSERT_NE(why, nullptr);
    EXPECT_NE(why->body.value("text", "").find("does not answer: " + words), std::string::npos)
        << why->body;
    const outcome seen = look(clock());
    EXPECT_EQ(seen.code, 1);
    EXPECT_NE(seen.err.find("does not answer: " + words), std::string::npos) << seen.err;
  }

  cluster group{"2s"};
  chrony daemons{group.folder()};
  agent* one = nullptr;
};

TEST_P(real_chronyd, is_not_waited_for_when_it_is_frozen) {
  lead();
  std::size_t from = one->count();
  auto since = steady_clock::now();
  daemons.follower().signal(SIGSTOP);
  expect_suspended(from, since, "");
  from = one->count();
  daemons.follower().signal(SIGCONT);
  expect_leads_again(from);

  daemons.follower().signal(SIGSTOP);
  one->itself().signal(SIGTERM);
  EXPECT_EQ(one->itself().wait_exit(5s), 0);
}

TEST_P(real_chronyd, may_be_restarted) {
  lead();
  std::size_t from = one->count();
  const auto since = steady_clock::now();
  daemons.stop_follower();
  expect_suspended(from, since, GetParam() == "udp" ? "Connection refused" : "");
  // It has a server that does not answer yet: it has nothing to say, in words.
  from = one->count();
  daemons.stop_server();
  daemons.start_follower();
  EXPECT_TRUE(wait_for(
      [&] { return look(clock()).err.find("is not synchronized") != std::string::npos; }, 10s))
      << look(clock()).out;
  EXPECT_FALSE(one->leads());
  daemons.start_server();
  expect_leads_again(from);
}

INSTANTIATE_TEST_SUITE_P(by, real_chronyd, testing::Values("udp", "socket"),
                         [](const auto& about) { return about.param; });

TEST(real_chronyd_alone, is_believed_until_its_error_is_too_large) {
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
