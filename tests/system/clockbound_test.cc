// Leaders on the real daemon of ClockBound 2, which asks the real chronyd.

#include "tests/system/harness/clockbound.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include <gtest/gtest.h>

#include "clock/clockbound_segment.h"
#include "tests/system/harness/clocks.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// One agent that leads on a synchronized clock, unless the daemon can't be had.
class real_clockbound : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = clockbound::unavailable(); !why.empty()) GTEST_SKIP() << why;
    host.emplace(group.folder());
    clock = "clockbound:" + host->segment();
  }
  void TearDown() override {
    if (HasFailure() && host) std::fputs(host->told().c_str(), stderr);
  }

  // `within`: programs under which it runs, such as unshare.
  void lead(const arguments& within = {}) {
    ASSERT_TRUE(becomes(clock, "synchronized", 20s)) << look(clock).out << host->told();
    process_setup with = group.agent_setup("a", {"--clock", clock});
    with.arguments.insert(with.arguments.begin(), within.begin(), within.end());
    one = &group.start_with("a", std::move(with));
    ASSERT_TRUE(group.wait_formed());
    token = (*one->latest("leadership"))["token"];
  }
  // It stops to lead, because its clock is of this status; its token is only suspended.
  const event* expect_suspended(std::size_t from, const std::string& status,
                                const std::string& words, milliseconds patience) {
    const event* told = one->await("leadership", state_is("suspended"), patience, from);
    EXPECT_NE(told, nullptr) << host->told();
    if (told == nullptr) return nullptr;
    EXPECT_EQ(told->body["token"], token);
    const event* why = one->await("clock", clock_is(status), 2s, from);
    const std::string text = why == nullptr ? "" : why->body.value("text", "");
    EXPECT_NE(text.find(words), std::string::npos) << text;
    return told;
  }
  // So says the command, too.
  void expect_refused(const std::string& status, const std::string& words) const {
    const outcome seen = look(clock);
    EXPECT_EQ(seen.code, 1);
    EXPECT_NE(seen.err.find(words), std::string::npos) << seen.err;
    EXPECT_EQ(seen.object()["status"], status) << seen.out;
  }
  void expect_leads_again(std::size_t from) {
    ASSERT_NE(one->await("leadership", agent::leading, 20s, from), nullptr) << host->told();
    EXPECT_EQ(look(clock).code, 0);
    token = (*one->latest("leadership"))["token"];
  }
  clock::clock_bound segment() const {
    std::ifstream file{host->segment(), std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    return clock::decode_segment(bytes);
  }
  // Of steady_clock, whose scale is CLOCK_MONOTONIC.
  static steady_clock::time_point instant(std::int64_t mono_ns) {
    return steady_clock::time_point{nanoseconds{mono_ns}};
  }

  cluster group{"2s"};
  std::optional<clockbound> host;
  std::string clock;
  agent* one = nullptr;
  std::int64_t token = 0;
};

TEST_F(real_clockbound, is_believed_and_runs_freely_without_its_server) {
  lead();
  const json well = look(clock).object();
  EXPECT_EQ(well["source"], "clockbound");
  EXPECT_GT(well["error_bound_ns"], 1'000);
  EXPECT_LT(well["error_bound_ns"], 50'000'000);
  EXPECT_LT(well["age_ms"], 5'000);

  std::size_t from = one->count();
  host->time().stop_server();
  ASSERT_NE(one->await("clock", clock_is("free_running"), 30s, from), nullptr) << host->told();
  const json free = look(clock).object();
  EXPECT_EQ(free["status"], "free_running");
  // Nobody measures any more, so the error only grows.
  EXPECT_TRUE(wait_for(
      [&] { return look(clock).object()["error_bound_ns"] > free["error_bound_ns"]; }, 5s));
  EXPECT_EQ(one->first("leadership", agent::any, from), nullptr) << "it leads all the time";

  // A daemon that never saw chronyd synchronized vouches for nothing.
  from = one->count();
  host->start();
  expect_suspended(from, "unknown", "can't bound the clock's error", 5s);
  expect_refused("unknown", "can't bound the clock's error");
  from = one->count();
  host->time().start_server();
  expect_leads_again(from);
}

TEST_F(real_clockbound, may_be_restarted_under_a_leader) {
  lead();
  const std::size_t from = one->count();
  const auto before = segment().as_of_ns;
  host->start();
  EXPECT_TRUE(
      wait_for([&] { return host->daemon().running() && segment().as_of_ns > before; }, 5s));
  host->kill();
  ASSERT_NE(one->await("clock", clock_is("free_running"), 20s, from), nullptr);
  host->start();
  EXPECT_NE(one->await("clock", clock_is("synchronized"), 10s, from), nullptr) << host->told();
  EXPECT_EQ(one->first("leadership", agent::any, from), nullptr) << "it leads all the time";
}

TEST_F(real_clockbound, is_too_wrong_in_the_end_if_it_is_left_dead) {
  // A bad quartz: 50 ms are reached in 6 s.
  constexpr double drift = 8'000e-6;
  host.emplace(group.folder(), std::vector<std::string>{"--max-drift-rate", "8000",
                                                        "--disable-clock-disruption-support"});
  lead();
  const std::size_t from = one->count();
  host->kill();
  const auto last = segment();
  const event* told = expect_suspended(from, "too_wide", "leases allow 50000 us", 20s);
  ASSERT_NE(told, nullptr);
  const auto allowed =
      std::chrono::duration_cast<nanoseconds>(nanoseconds{50'000'000 - last.bound_ns} / drift);
  EXPECT_LT(told->at, instant(last.as_of_ns) + allowed + 1s);
  EXPECT_GT(told->at, instant(last.as_of_ns) + allowed - 1s);
  EXPECT_NE(one->first("clock", clock_is("free_running"), from), nullptr);
  expect_refused("too_wide", "leases allow 50000 us");
}

TEST_F(real_clockbound, is_void_in_the_end_if_it_is_left_dead) {
  // The segment is void 1000 s after its last update. To the agent, whose time namespace is ahead,
  // it is that much older. A good quartz: until then 50 ms are not reached.
  constexpr auto ahead = 992s;
  host.emplace(group.folder(), std::vector<std::string>{"--max-drift-rate", "10",
                                                        "--disable-clock-disruption-support"});
  lead({"unshare", "--time", "--monotonic", std::to_string(ahead.count()), "--fork", "--kill-child",
        "--"});
  EXPECT_EQ((*one->latest("clock"))["status"], "free_running");
  const std::size_t from = one->count();
  host->kill();
  const auto last = segment();
  EXPECT_EQ(look(clock).code, 0) << "here it is fresh";
  const event* told = expect_suspended(from, "unknown", "so long that it is void", 20s);
  ASSERT_NE(told, nullptr);
  EXPECT_LT(told->at, instant(last.void_after_ns) - ahead + 1s);
}

TEST_F(real_clockbound, may_lose_its_file) {
  lead();
  std::size_t from = one->count();
  auto since = steady_clock::now();
  std::filesystem::remove(host->segment());
  const event* told = expect_suspended(from, "unknown", "is gone", 5s);
  ASSERT_NE(told, nullptr);
  EXPECT_LT(told->at - since, 1s);
  expect_refused("unknown", "there is no ClockBound segment");
  from = one->count();
  host->start();
  expect_leads_again(from);

  // The daemon dies of it at its next update, as it has the file mapped. The agent does not.
  from = one->count();
  since = steady_clock::now();
  std::filesystem::resize_file(host->segment(), 0);
  told = expect_suspended(from, "unknown", "has only 0 bytes", 5s);
  ASSERT_NE(told, nullptr);
  EXPECT_LT(told->at - since, 1s);
  expect_refused("unknown", "has only 0 bytes");
  EXPECT_EQ(host->daemon().wait_exit(5s), 128 + SIGBUS);
  from = one->count();
  host->start();
  expect_leads_again(from);
}

}  // namespace
}  // namespace hedgerow::system_test
