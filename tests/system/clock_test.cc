// Leaders on clocks that have an error, and that fail.

#include <filesystem>
#include <memory>

#include <gtest/gtest.h>

#include "clock/test_segment.h"
#include "tests/system/harness/clocks.h"
#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using clock::segment_content;
using clock::test_segment;

class clockbound_agent : public testing::Test {
 protected:
  void start() { one = &group.start("a", {"--clock", "clockbound:" + path}); }
  // Within a second it stops to lead and says why, in these words.
  void expect_suspended(std::size_t from, steady_clock::time_point since, const std::string& status,
                        const std::string& words) {
    const event* told = one->await("leadership", state_is("suspended"), 5s, from);
    ASSERT_NE(told, nullptr);
    EXPECT_LT(told->at - since, 1s);
    EXPECT_EQ(told->body["token"], token);
    const event* why = one->await("clock", clock_is(status), 2s, from);
    ASSERT_NE(why, nullptr);
    EXPECT_NE(why->body.value("text", "").find(words), std::string::npos) << why->body;
  }
  void expect_resumed(std::size_t from) {
    const event* told = one->await("leadership", agent::leading, 3s, from);
    ASSERT_NE(told, nullptr);
    EXPECT_EQ(told->body["token"], token) << "the lease still held";
    const event* well = one->await("clock", clock_is("synchronized"), 2s, from);
    ASSERT_NE(well, nullptr);
    EXPECT_FALSE(well->body.contains("text"));
  }

  cluster group{"5s"};
  std::string path = group.folder() / "shm0";
  agent* one = nullptr;
  std::int64_t token = 0;
};

TEST_F(clockbound_agent, follows_until_there_is_a_clock_and_suspends_itself_without) {
  start();
  const event* why = one->await("clock", clock_is("unknown"), 5s);
  ASSERT_NE(why, nullptr);
  EXPECT_EQ(why->body["source"], "clockbound");
  EXPECT_NE(why->body.value("text", "").find("start clockbound"), std::string::npos);
  auto segment = std::make_unique<test_segment>(path);
  segment->write({});
  ASSERT_TRUE(group.wait_formed());
  token = (*one->latest("leadership"))["token"];

  std::size_t from = one->count();
  auto since = steady_clock::now();
  segment_content bad;
  bad.status = 3;
  segment->write(bad);
  expect_suspended(from, since, "disrupted", "can't bound the clock's error");
  from = one->count();
  segment->write({});
  expect_resumed(from);

  from = one->count();
  since = steady_clock::now();
  std::filesystem::remove(path);
  expect_suspended(from, since, "unknown", "is gone");
  EXPECT_EQ(look("clockbound:" + path).code, 1);
  from = one->count();
  segment = std::make_unique<test_segment>(path);
  segment->write({});
  expect_resumed(from);

  from = one->count();
  since = steady_clock::now();
  segment_content wide;
  wide.bound_ns = 60'000'000;
  segment->write(wide);
  expect_suspended(from, since, "too_wide", "leases allow 50000 us");
  from = one->count();
  segment->write({});
  expect_resumed(from);
}

TEST(clock_command, shows_nanoseconds_and_says_why_not) {
  cluster group;
  const std::string path = group.folder() / "shm";
  test_segment segment(path, 1);
  segment_content c;
  c.bound_ns = 400'000;
  segment.write(c);
  const outcome well = look("clockbound:" + path);
  EXPECT_EQ(well.code, 0) << well.err;
  EXPECT_EQ(well.err, "");
  const json told = well.object();
  EXPECT_EQ(told["source"], "clockbound");
  EXPECT_EQ(told["status"], "synchronized");
  const std::int64_t bound = told["error_bound_ns"];
  EXPECT_GT(bound, 400'000);
  EXPECT_LT(bound, 1'000'000);
  EXPECT_EQ(told["latest_ns"].get<std::int64_t>() - told["earliest_ns"].get<std::int64_t>(),
            2 * bound);
  EXPECT_LT(told["age_ms"], 60'000);
  EXPECT_FALSE(told.contains("text"));

  c.status = 0;
  segment.write(c);
  const outcome bad = look("clockbound:" + path);
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(bad.object()["earliest_ns"], nullptr);
  EXPECT_NE(bad.err.find(bad.object()["text"].get<std::string>()), std::string::npos) << bad.err;
  EXPECT_EQ(std::count(bad.err.begin(), bad.err.end(), '\n'), 1);
  const outcome words = run_command({"clock", "--clock", "declared:5ms"});
  EXPECT_EQ(words.code, 0);
  EXPECT_NE(words.out.find("declared: synchronized, 20"), std::string::npos) << words.out;
  EXPECT_NE(words.out.find("at most 5000.000 us"), std::string::npos) << words.out;
}

}  // namespace
}  // namespace hedgerow::system_test
