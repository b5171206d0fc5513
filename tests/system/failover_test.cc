// Members and leaders that crash, hang, resume and leave.

#include <algorithm>
#include <csignal>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/store_connection.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

std::int64_t token_of(agent& leader) {
  return (*leader.latest("leadership"))["token"];
}

std::string reason_for(const json& view, const std::string& name) {
  for (const json& gone : view["removed"]) {
    if (gone["name"] == name) return gone["reason"];
  }
  return "not told";
}

// The first of the group's agents to lead after event number `from` of each.
agent* await_leader(cluster& group, const std::map<std::string, std::size_t>& from,
                    milliseconds patience) {
  agent* found = nullptr;
  wait_for(
      [&] {
        for (agent* one : group.agents()) {
          if (one->first("leadership", agent::leading, from.at(one->name()))) found = one;
        }
        return found != nullptr;
      },
      patience);
  return found;
}

std::map<std::string, std::size_t> counts(cluster& group) {
  std::map<std::string, std::size_t> all;
  for (agent* one : group.agents())
    all[one->name()] = one->count();
  return all;
}

class failover : public testing::Test {
 protected:
  void form(std::initializer_list<const char*> names, const arguments& more = {}) {
    for (const char* name : names)
      group.start(name, more);
    ASSERT_TRUE(group.wait_formed());
  }
  cluster group;
};

TEST_F(failover, killed_member_is_gone_in_well_under_a_second) {
  form({"a", "b", "c", "d", "e"});
  const std::string victim = group.some_follower()->name();
  const auto from = counts(group);
  const auto killed = steady_clock::now();
  group.kill(victim);
  for (agent* one : group.agents()) {
    const event* told = one->await("view", agent::without(victim), 5s, from.at(one->name()));
    ASSERT_NE(told, nullptr) << one->name();
    EXPECT_EQ(reason_for(told->body, victim), "crashed");
    EXPECT_LT(told->at - killed, 700ms) << one->name();
    EXPECT_EQ(one->members().size(), 4u);
  }
}

TEST_F(failover, stopped_member_is_evicted_and_comes_back_as_another) {
  form({"a", "b", "c", "d", "e"});
  agent& victim = *group.some_follower();
  const std::string before = victim.incarnation();
  const auto from = counts(group);
  const auto stopped = steady_clock::now();
  group.freeze(victim);
  for (agent* one : group.agents()) {
    if (one == &victim) continue;
    const event* told = one->await("view", agent::without(victim.name()), 6s, from.at(one->name()));
    ASSERT_NE(told, nullptr) << one->name();
    EXPECT_EQ(reason_for(told->body, victim.name()), "silent");
    EXPECT_LT(told->at - stopped, 3s) << one->name();
  }
  victim.itself().signal(SIGCONT);
  const event* evicted = victim.await("evicted", agent::any, 5s);
  ASSERT_NE(evicted, nullptr);
  EXPECT_EQ(evicted->body["reason"], "silent");
  EXPECT_NE(victim.await(
                "ready", [&](const json& r) { return r["incarnation"] != before; }, 8s),
            nullptr);
  EXPECT_TRUE(group.wait_formed(5s));
  EXPECT_TRUE(victim.itself().running());
}

TEST_F(failover, killed_leader_is_followed_within_its_lease) {
  form({"a", "b", "c", "d", "e"});
  const std::string old = group.leader()->name();
  const std::int64_t old_token = token_of(*group.leader());
  auto from = counts(group);
  const auto killed = steady_clock::now();
  group.kill(old);
  agent* next = await_leader(group, from, 6s);
  ASSERT_NE(next, nullptr);
  const event* leads = next->first("leadership", agent::leading, from.at(next->name()));
  EXPECT_LT(leads->at - killed, 2s);  // the lease is one second
  EXPECT_GT(token_of(*next), old_token);
  EXPECT_TRUE(group.wait_formed(5s));
  for (agent* one : group.agents()) {
    for (const event& e : one->events()) {
      if (e.at < killed || e.body["event"] != "view") continue;
      EXPECT_GE(e.body["members"].size(), 4u) << one->name() << ": " << e.body;
    }
  }
}

TEST_F(failover, leader_that_stops_hands_over_at_once) {
  form({"a", "b", "c"});
  agent& old = *group.leader();
  const std::string name = old.name();
  const auto from = counts(group);
  const auto told = steady_clock::now();
  old.itself().signal(SIGTERM);
  EXPECT_EQ(old.itself().wait_exit(5s), 0);
  group.forget(name);
  agent* next = await_leader(group, from, 5s);
  ASSERT_NE(next, nullptr);
  EXPECT_LT(next->first("leadership", agent::leading, from.at(next->name()))->at - told, 500ms);
  const event* view = next->await("view", agent::without(name), 5s, from.at(next->name()));
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(reason_for(view->body, name), "left");
  EXPECT_TRUE(group.wait_formed(5s));
}

TEST_F(failover, follower_that_stops_leaves) {
  form({"a", "b", "c"});
  agent& leaver = *group.some_follower();
  const std::string name = leaver.name();
  const std::size_t from = group.leader()->count();
  leaver.itself().signal(SIGINT);
  EXPECT_EQ(leaver.itself().wait_exit(5s), 0);
  group.forget(name);
  const event* view = group.leader()->await("view", agent::without(name), 5s, from);
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(reason_for(view->body, name), "left");
}

TEST_F(failover, restarted_agent_replaces_itself) {
  form({"a", "b", "c"});
  const std::string name = group.some_follower()->name();
  const std::string before = group[name].incarnation();
  group.kill(name);
  group.start(name);
  EXPECT_TRUE(group.wait_formed());
  EXPECT_NE(group[name].incarnation(), before);
}

TEST_F(failover, resumed_leader_first_says_that_it_leads_no_more) {
  const std::string ran = group.folder() / "ran";
  for (const char* name : {"a", "b", "c"})
    group.start(name, {"--on-send", std::string("echo ") + name + " >> " + ran + "; echo " + name});
  ASSERT_TRUE(group.wait_formed());
  agent& old = *group.leader();
  const std::int64_t old_token = token_of(old);
  auto from = counts(group);
  group.freeze(old);
  from[old.name()] = SIZE_MAX;
  agent* next = await_leader(group, from, 6s);
  ASSERT_NE(next, nullptr);
  EXPECT_GT(token_of(*next), old_token);

  const std::size_t before = old.count();
  process_setup to_old;
  to_old.arguments = {HEDGEROW_COMMAND, "send",      "--json", "--agent",
                      old.address(),    "--timeout", "10s",    "x"};
  process send{std::move(to_old)};
  old.itself().signal(SIGCONT);
  ASSERT_TRUE(wait_for([&] { return old.count() > before; }, 5s));
  EXPECT_EQ(old.events()[before].body["event"], "leadership");
  EXPECT_EQ(old.events()[before].body["leading"], false);
  EXPECT_EQ(send.wait_exit(15s), 0);
  send.finish_reading();
  EXPECT_EQ(json::parse(send.out())["from"], next->name()) << send.out();
  std::ifstream file{ran};
  const std::string executed{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_EQ(executed, next->name() + "\n");
}

TEST_F(failover, second_signal_ends_it_at_once) {
  form({"a"});
  agent& only = group["a"];
  store_connection locking{group.store()};
  ASSERT_TRUE(locking.run("BEGIN EXCLUSIVE"));  // so that the lease can't be given back
  const std::size_t from = only.count();
  only.itself().signal(SIGTERM);
  ASSERT_NE(only.await(
                "leadership", [](const json& l) { return !l["leading"]; }, 5s, from),
            nullptr);
  only.itself().signal(SIGTERM);
  EXPECT_EQ(only.itself().wait_exit(400ms), 128 + SIGTERM);
  EXPECT_TRUE(locking.run("ROLLBACK"));
}

}  // namespace
}  // namespace hedgerow::system_test
