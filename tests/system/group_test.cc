// A group forms, is one, and tells about itself.

#include <csignal>
#include <fstream>
#include <set>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/system/harness/cluster.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

TEST(group, five_agents_form_one) {
  cluster group;
  for (const char* name : {"a", "b", "c", "d", "e"})
    group.start(name, {"--zone", "z1"});
  ASSERT_TRUE(group.wait_formed());
  agent& leader = *group.leader();
  std::set<std::string> incarnations;
  for (agent* one : group.agents()) {
    incarnations.insert(one->incarnation());
    const json* told = one->latest("leader");
    ASSERT_NE(told, nullptr);
    EXPECT_EQ((*told)["name"], leader.name());
    EXPECT_EQ((*told)["token"], (*leader.latest("leadership"))["token"]);
  }
  EXPECT_EQ(incarnations.size(), 5u);
  const event* waited = nullptr;
  for (agent* one : group.agents())
    waited = waited ? waited : one->first("waiting");
  EXPECT_NE(waited, nullptr) << "nobody said that a new group waits one lease";

  // Whoever is asked says the same.
  for (agent* one : group.agents()) {
    const json members = run_command({"members", "--json", "--agent", one->address()}).object();
    EXPECT_EQ(members["group"], "default");
    EXPECT_EQ(members["token"], leader.view_id().first);
    EXPECT_EQ(members["sequence"], leader.view_id().second);
    EXPECT_TRUE(members["view_age_ms"].is_number());
    ASSERT_EQ(members["members"].size(), 5u);
    for (const json& m : members["members"]) {
      EXPECT_EQ(m["leader"], m["name"] == leader.name());
      EXPECT_EQ(m["incarnation"], group[m["name"]].incarnation());
      EXPECT_EQ(m["address"], group[m["name"]].address());
      EXPECT_EQ(m["health"], "alive");
      EXPECT_EQ(m["zone"], "z1");
      EXPECT_EQ(m["tags"], json::object());
    }
    const json found = run_command({"leader", "--json", "--agent", one->address()}).object();
    EXPECT_EQ(found["name"], leader.name());
    EXPECT_EQ(found["address"], leader.address());
    EXPECT_GT(found["token"], 0);
    EXPECT_GT(found["remaining_ms"], 0);
    EXPECT_LE(found["remaining_ms"], 1000);
  }
}

TEST(group, is_shown_to_people) {
  cluster group;
  group.start("a", {"--zone", "rack1", "--tag", "role=db", "--tag", "disk=ssd"});
  group.start("b");
  ASSERT_TRUE(group.wait_formed());
  const outcome members = group.run({"members"});
  EXPECT_EQ(members.code, 0);
  EXPECT_EQ(members.out.substr(0, 4), "NAME");
  EXPECT_NE(members.out.find("rack1  disk=ssd,role=db"), std::string::npos) << members.out;
  EXPECT_NE(members.out.find("2 members in group default"), std::string::npos) << members.out;
  const outcome leader = group.run({"leader"});
  EXPECT_EQ(leader.out.find(group.leader()->name() + " at 127.0.0.1:"), 0u) << leader.out;
}

TEST(group, names_an_agent_in_words) {
  cluster group{"500ms"};
  process_setup words = group.agent_setup("a");
  std::erase(words.arguments, "--json");
  process agent{words};
  EXPECT_TRUE(wait_for(
      [&] { return agent.out().find("ready: a at 127.0.0.1:") != std::string::npos; }, 10s))
      << agent.out() << agent.err();
  EXPECT_NE(agent.out().find("waiting"), std::string::npos);
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait_exit(5s), 0);
}

TEST(group, takes_one_agent_of_each_name) {
  cluster group{"500ms"};
  group.start("a");
  group.start("b");
  ASSERT_TRUE(group.wait_formed());
  // One of them leads.
  for (const std::string name : {"a", "b"}) {
    process second{group.agent_setup(name, {"--log-level", "error"})};
    ASSERT_EQ(second.wait_exit(10s), 1) << name;
    second.finish_reading();
    EXPECT_NE(second.err().find("name in use by " + group[name].address()), std::string::npos)
        << second.err();
    const std::string err = second.err();
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
    EXPECT_EQ(group[name].first("evicted"), nullptr);
  }
  EXPECT_EQ(group["a"].members().size(), 2u);
}

TEST(group, refuses_a_longer_lease_than_its_own) {
  cluster group{"500ms"};
  group.start("a");
  ASSERT_TRUE(group.wait_formed());
  process longer{group.agent_setup("b", {"--lease", "2s", "--log-level", "off"})};
  EXPECT_EQ(longer.wait_exit(10s), 1);
  longer.finish_reading();
  EXPECT_NE(longer.err().find("lease"), std::string::npos) << longer.err();
  EXPECT_EQ(longer.err().find("hedgerow: "), 0u) << longer.err();
}

TEST(group, shares_its_store_with_others) {
  cluster groups{"500ms"};
  groups.start("a");
  ASSERT_TRUE(groups.wait_formed());
  agent& other = groups.start("b", {"--group", "other"});
  ASSERT_NE(other.await("leadership", agent::leading, 10s), nullptr);
  EXPECT_EQ(groups.run({"members", "--json"}).object()["members"].size(), 1u);
  const json members = groups.run({"members", "--json", "--group", "other"}).object();
  ASSERT_EQ(members["members"].size(), 1u);
  EXPECT_EQ(members["members"][0]["name"], "b");
}

TEST(group, is_watched_from_its_present_state_on) {
  cluster group{"500ms"};
  group.start("a");
  group.start("b");
  ASSERT_TRUE(group.wait_formed());
  agent& watch = group.watch();
  ASSERT_NE(watch.await("leader", agent::any, 5s), nullptr);
  const auto& events = watch.events();
  EXPECT_EQ(events[0].body["event"], "view");
  EXPECT_EQ(events[0].body["members"].size(), 2u);
  EXPECT_EQ(events[0].body["added"].size(), 2u);
  EXPECT_EQ(events[0].body["removed"], json::array());
  EXPECT_EQ(events[1].body["event"], "leader");
  EXPECT_EQ(events[1].body["name"], group.leader()->name());
  EXPECT_EQ(events[1].body["token"], group.leader()->view_id().first);

  group.start("c");
  EXPECT_NE(
      watch.await(
          "view",
          [](const json& v) { return v["added"].size() == 1 && v["added"][0]["name"] == "c"; }, 5s),
      nullptr);
  ASSERT_TRUE(group.wait_formed());
  // Whichever of them it follows: one after the other goes.
  const auto old_token = group.leader()->view_id().first;
  const std::string old_leader = group.leader()->name();
  std::size_t from = watch.count();
  group.kill(old_leader);
  EXPECT_NE(watch.await(
                "leader", [&](const json& l) { return l["token"] > old_token; }, 8s),
            nullptr);
  EXPECT_NE(watch.await("view", agent::without(old_leader), 5s, from), nullptr);
  const std::string second = group.some_follower()->name();
  from = watch.count();
  group.kill(second);
  EXPECT_NE(watch.await("view", agent::without(second), 5s, from), nullptr);

  watch.itself().signal(SIGINT);
  EXPECT_EQ(watch.itself().wait_exit(5s), 0);
}

TEST(group, is_watched_until_nothing_can_be_written) {
  cluster group{"500ms"};
  group.start("a");
  ASSERT_TRUE(group.wait_formed());
  const outcome full = run_program({"/bin/sh", "-c", R"(exec "$0" "$@" > /dev/full)",
                                    HEDGEROW_COMMAND, "watch", "--store", group.store()});
  EXPECT_EQ(full.code, 1);
  EXPECT_EQ(full.err, "hedgerow: stdout could not be written: No space left on device\n");
  const outcome enough = run_program({"/bin/bash", "-c", R"("$0" "$@" | :; echo ${PIPESTATUS[0]})",
                                      HEDGEROW_COMMAND, "watch", "--store", group.store()});
  EXPECT_EQ(enough.out, "0\n");
  EXPECT_EQ(enough.err, "");
}

TEST(group, is_read_from_the_store_when_all_are_gone) {
  cluster group{"500ms"};
  group.start("a");
  group.start("b");
  ASSERT_TRUE(group.wait_formed());
  EXPECT_EQ(group.run({"members", "--from-store", "--json"}).object()["members"].size(), 2u);
  group.kill("a");
  group.kill("b");
  const outcome read = group.run({"members", "--from-store", "--json"});
  ASSERT_EQ(read.code, 0) << read.err;
  std::set<std::string> names;
  const json told = read.object();
  for (const json& m : told["members"])
    names.insert(m["name"]);
  // The survivor may have had the time to commit the view without the first.
  EXPECT_TRUE(names.count("b") == 1 && names.size() <= 2) << read.out;
  EXPECT_EQ(told["view_age_ms"], nullptr);
  EXPECT_EQ(group.run({"members", "--from-store"}).out.substr(0, 4), "NAME");
}

TEST(group, is_found_by_an_agent_without_standard_input) {
  cluster group{"500ms"};
  process_setup closed = group.agent_setup("a");
  closed.stdin_closed = true;
  group.start_with("a", std::move(closed));
  ASSERT_TRUE(group.wait_formed());
  EXPECT_EQ(group.run({"send", "x"}).out, "a: x");
}

// The words for "not a member yet" do not fit into a pipe that nobody reads.
TEST(group, ends_an_agent_by_a_signal_though_nobody_reads_its_stderr) {
  cluster group{"1s"};
  const std::string pipe = group.folder() / "full";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int fd = open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const std::string block(4096, 'x');
  while (write(fd, block.data(), block.size()) > 0) {
  }
  auto with = group.agent_setup("a", {"--timeout", "100ms"});
  with.environment["FULL"] = pipe;
  with.arguments.insert(with.arguments.begin(),
                        {"/bin/sh", "-c", "exec \"$0\" \"$@\" 2> \"$FULL\""});
  agent& a = group.start_with("a", std::move(with));
  ASSERT_NE(a.await("ready", agent::any, 20s), nullptr) << "long after those words";
  a.itself().signal(SIGTERM);
  EXPECT_EQ(a.itself().wait_exit(10s), 0);
  close(fd);
}

}  // namespace
}  // namespace hedgerow::system_test
