#pragma once
// A group of three agents under attack: it stays together, keeps its leader and token, answers, and
// does not grow.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/hostile_peer.h"

namespace hedgerow::system_test {

inline constexpr std::size_t mib = std::size_t{1024} * 1024;

class attacked_group : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b", "c"})
      group.start(name, {"--log-level", "warning"});
    ASSERT_TRUE(group.wait_formed());
    leader = group.leader();
    address = leader->address();
    token = (*leader->latest("leadership"))["token"];
    for (agent* one : group.agents()) {
      told_before[one->name()] = one->count();
      resident_before[one->name()] = resident_bytes(one->itself().pid());
    }
  }

  // While the attack goes on. The deadline holds the start of the command, too.
  void expect_answers(int times, const char* deadline = "1s") {
    for (int i = 0; i < times; ++i) {
      const outcome sent = group.run({"send", "x", "--timeout", sanitized ? "15s" : deadline});
      EXPECT_EQ(sent.code, 0) << sent.err;
    }
  }
  void expect_unharmed(std::size_t growth_max) {
    EXPECT_TRUE(group.wait_formed(std::chrono::seconds{10})) << "not the three that it was";
    ASSERT_EQ(group.leader(), leader);
    for (agent* one : group.agents()) {
      EXPECT_EQ(one->first("leadership", agent::any, told_before[one->name()]), nullptr)
          << one->name() << " saw leadership change";
      EXPECT_EQ(one->first("evicted"), nullptr);
      const std::size_t grown =
          std::max(resident_bytes(one->itself().pid()), resident_before[one->name()]) -
          resident_before[one->name()];
      EXPECT_TRUE(sanitized || grown <= growth_max) << one->name() << " grew by " << grown;
      EXPECT_LE(one->itself().err().size(), std::size_t{64} * 1024) << "at a limited rate";
    }
    EXPECT_EQ((*leader->latest("leadership"))["token"], token);
  }
  bool warned(const std::string& words) {
    return wait_for([&] { return leader->itself().err().find(words) != std::string::npos; },
                    std::chrono::seconds{5});
  }
  hostile_peer guest(const std::string& first_words = hello_of_client()) {
    hostile_peer made{address};
    made.say(first_words);
    return made;
  }

  cluster group{sanitized ? "4s" : "1s"};
  agent* leader = nullptr;
  std::string address;  // the leader's; attacks have threads of their own
  std::int64_t token = 0;
  std::map<std::string, std::size_t> told_before;
  std::map<std::string, std::size_t> resident_before;
};

}  // namespace hedgerow::system_test
