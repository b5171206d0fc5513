// The failures of groups (docs/guarantees.md, "Sixteen ways in which a group fails"), against real
// agents; those that no other system test has.

#include <csignal>
#include <set>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/hostile_peer.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

class failures : public testing::Test {
 protected:
  void form(std::initializer_list<const char*> names) {
    for (const char* name : names)
      group.start(name);
    ASSERT_TRUE(group.wait_formed());
  }
  // The views that the leader told from event number `from` on.
  std::vector<json> views(agent& of, std::size_t from) {
    std::vector<json> all;
    const auto& events = of.events();
    for (std::size_t i = from; i < events.size(); ++i) {
      if (events[i].body["event"] == "view") all.push_back(events[i].body);
    }
    return all;
  }

  cluster group{"1s"};
};

// 1: one hangs, and another is killed: the leader is free to see that.
TEST_F(failures, number_01_who_hangs_freezes_nobody) {
  form({"a", "b", "c", "d"});
  agent& leader = *group.leader();
  std::vector<std::string> others;
  for (agent* one : group.agents()) {
    if (one != &leader) others.push_back(one->name());
  }
  group.freeze(group[others[0]]);
  const std::size_t from = leader.count();
  group.kill(others[1]);
  const event* told = leader.await("view", agent::without(others[1]), 5s, from);
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->body["removed"][0]["reason"], "crashed");
  EXPECT_EQ(group.run({"send", "x", "--agent", leader.address()}).code, 0);
  group[others[0]].itself().signal(SIGCONT);
}

// 3 and 11: lines that end processes of a simpler kind, and members that are none.
TEST_F(failures, number_03_lines_of_text_end_nobody) {
  form({"a", "b"});
  const std::size_t from = group.leader()->count();
  std::vector<hostile_peer> peers;
  for (agent* one : group.agents()) {
    for (const char* text :
         {"PUT x\n", "SEM x\n", "SEA x\n", "SER x\n", "MEM x\n", "MEM \n", "MEM bnVsbA==\n",
          "HEY \n", "HEY evil:1\n", "LDR\n", "SND \n", "\n", "GET / HTTP/1.1\r\n\r\n"}) {
      peers.emplace_back(one->address());
      peers.back().say_all(text);
    }
  }
  for (hostile_peer& one : peers)
    EXPECT_TRUE(wait_for([&] { return one.ended(); }, 10s)) << "it is not waited for long";
  EXPECT_EQ(group.run({"broadcast", "x"}).code, 0);
  EXPECT_TRUE(group.wait_formed());
  EXPECT_TRUE(views(*group.leader(), from).empty()) << "nobody came or went";
}

// 5: members that come and go, and peers that can't be reached, leave no descriptors behind.
TEST_F(failures, number_05_no_descriptor_leaks) {
  form({"a", "b"});
  const pid_t pid = group.leader()->itself().pid();
  const std::string leader = group.leader()->name();
  const std::size_t before = open_descriptors(pid);
  for (int i = 0; i < 3; ++i) {
    group.start("c");
    ASSERT_TRUE(group.wait_formed());
    for (int k = 0; k < 5; ++k)
      EXPECT_EQ(group.run({"send", "x"}).code, 0);
    group.kill("c");
    ASSERT_TRUE(group.wait_formed());
  }
  ASSERT_EQ(group.leader()->name(), leader);
  EXPECT_TRUE(wait_for([&] { return open_descriptors(pid) <= before; }, 5s))
      << open_descriptors(pid) << " now, " << before << " before";
}

// 10: it dials the leader well, and nobody can dial it.
TEST_F(failures, number_10_who_can_not_be_dialled_is_never_up) {
  form({"a", "b", "c"});
  agent& leader = *group.leader();
  const std::size_t from = leader.count();
  agent& deaf = group.start("d", {"--advertise", "127.0.0.1:1"});
  const auto turned_out = [&] {
    const auto told = views(leader, from);
    return std::any_of(told.begin(), told.end(), [](const json& view) {
      return !view["removed"].empty() && view["removed"][0]["name"] == "d";
    });
  };
  EXPECT_TRUE(wait_for([&] { return turned_out() || !deaf.itself().running(); }, 10s));
  for (const json& view : views(leader, from)) {
    for (const json& m : view["members"])
      EXPECT_TRUE(m["name"] != "d" || m["state"] != "up") << view;
  }
  EXPECT_LE(views(leader, from).size(), 6u) << "it comes and goes";
  group.kill("d");
  EXPECT_TRUE(group.wait_formed());
  for (agent* one : group.agents())
    EXPECT_EQ(one->first("evicted"), nullptr) << "the others are left alone";
}

// 12: another group's agent at the address of one that is gone.
TEST_F(failures, number_12_an_address_that_another_group_has_now_is_no_member) {
  form({"a", "b", "c"});
  agent& victim = *group.some_follower();
  const std::string address = victim.address();
  const std::string name = victim.name();
  agent& leader = *group.leader();  // before the other group has one, too
  const std::size_t from = leader.count();
  group.kill(name);
  const std::string heard = group.folder() / "heard";
  agent& other = group.start(name, {"--group", "other", "--listen", address, "--on-broadcast",
                                    "cat >> " + heard, "--on-send", "cat >> " + heard});
  ASSERT_TRUE(wait_for([&] { return other.address() == address; }, 10s));
  ASSERT_NE(leader.await("view", agent::without(name), 10s, from), nullptr);
  EXPECT_EQ(run_command({"broadcast", "secret", "--agent", leader.address()}).code, 0);
  EXPECT_EQ(leader.members().size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(heard));
  for (const json& view : views(other, 0))
    EXPECT_EQ(view["members"].size(), 1u) << "nor is anybody of the old group in its views";
}

// 14: one in and one out at once is told as both.
TEST_F(failures, number_14_one_in_and_one_out_is_an_event) {
  form({"a", "b", "c"});
  agent& watching = group.watch();
  ASSERT_NE(watching.await("view", agent::any, 5s), nullptr);
  const std::string name = group.some_follower()->name();
  const std::string before = group[name].incarnation();
  const std::size_t from = watching.count();
  group.kill(name);
  group.start(name);
  ASSERT_TRUE(group.wait_formed());
  const auto told = [&](const char* what, const std::string& incarnation) {
    return watching.await(
               "view",
               [&](const json& view) {
                 return std::any_of(view[what].begin(), view[what].end(), [&](const json& one) {
                   return one["incarnation"] == incarnation;
                 });
               },
               5s, from) != nullptr;
  };
  EXPECT_TRUE(told("removed", before));
  EXPECT_TRUE(told("added", group[name].incarnation()));
}

}  // namespace
}  // namespace hedgerow::system_test
