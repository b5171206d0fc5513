// Groups over a network: a machine each, as loopback sees it, with one store and one clock.

#include "tests/system/harness/network.h"

#include <csignal>
#include <ctime>
#include <set>

#include <gtest/gtest.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/store_connection.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

constexpr int hosts = 5;
constexpr auto silence = 900ms;  // three probe periods

// As the lease row counts.
std::int64_t boot_time_us() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

class networked : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(net.ready()); }

  static std::string name_of(int number) { return std::string(1, static_cast<char>('a' + number)); }
  static int number_of(const agent& one) { return one.name()[0] - 'a'; }

  agent& start(int number, arguments more) {
    more.push_back("--insecure");
    process_setup with = group.agent_setup(name_of(number), more);
    with.network_namespace = net.host(number);
    return group.start_with(name_of(number), std::move(with));
  }
  void form(network::family which, int count = hosts) {
    const bool v6 = which == network::family::ipv6;
    for (int i = 0; i < count; ++i) {
      const std::string host = net.address(i, which);
      start(i, {"--listen", (v6 ? "[" + host + "]" : host) + ":0"});
    }
    ASSERT_TRUE(group.wait_formed());
  }
  // A run of the command on one of the hosts.
  outcome run(int number, const arguments& given) {
    process_setup with;
    with.arguments = {HEDGEROW_COMMAND};
    with.arguments.insert(with.arguments.end(), given.begin(), given.end());
    with.arguments.insert(with.arguments.end(), {"--store", group.store()});
    with.network_namespace = net.host(number);
    return run_program(std::move(with));
  }
  std::map<std::string, std::size_t> counts() {
    std::map<std::string, std::size_t> all;
    for (agent* one : group.agents())
      all[one->name()] = one->count();
    return all;
  }
  void expect_refused(agent& one, const std::string& words) {
    ASSERT_EQ(one.itself().wait_exit(10s), 1);
    one.itself().finish_reading();
    EXPECT_NE(one.itself().err().find(words), std::string::npos) << one.itself().err();
    group.forget(one.name());
  }

  network net{hosts};
  cluster group;
};

TEST_F(networked, a_group_forms_over_ipv4) {
  form(network::family::ipv4);
  std::set<std::string> machines;
  const outcome listed = run(1, {"members", "--json", "--insecure"});
  ASSERT_EQ(listed.code, 0) << listed.err;
  const json members = listed.object()["members"];
  ASSERT_EQ(members.size(), std::size_t{hosts});
  for (const json& m : members) {
    machines.insert(m["machine"]);
    EXPECT_EQ(std::string(m["machine"]).size(), 16u);
    EXPECT_EQ(std::string(m["address"]).find("10.77."), 0u) << m;
  }
  EXPECT_EQ(machines.size(), std::size_t{hosts}) << "a machine is a network namespace";
  const outcome sent = run(2, {"send", "--insecure", "hello"});
  EXPECT_EQ(sent.out, group.leader()->name() + ": hello") << sent.err;
}

TEST_F(networked, a_group_forms_over_ipv6) {
  form(network::family::ipv6);
  EXPECT_EQ(group.leader()->address().find("[fd77:"), 0u) << group.leader()->address();
  const outcome sent = run(3, {"send", "--insecure", "hello"});
  EXPECT_EQ(sent.out, group.leader()->name() + ": hello") << sent.err;
}

TEST_F(networked, wildcards_are_dialled_at_what_is_advertised) {
  start(0, {"--listen", "0.0.0.0:7400", "--advertise", net.address(0)});
  start(1, {"--listen", "[::]:7400", "--advertise", net.address(1) + ":7400"});
  start(2, {"--listen", "[::]:7400", "--advertise",
            "[" + net.address(2, network::family::ipv6) + "]"});
  ASSERT_TRUE(group.wait_formed());
  EXPECT_EQ(group["a"].address(), net.address(0) + ":7400");
  EXPECT_EQ(group["b"].address(), net.address(1) + ":7400");
  EXPECT_EQ(group["c"].address(), "[" + net.address(2, network::family::ipv6) + "]:7400");
}

TEST_F(networked, nothing_beyond_loopback_is_dialled_without_insecure) {
  form(network::family::ipv4, 2);
  const outcome asked = run(0, {"members", "--timeout", "1s"});
  EXPECT_EQ(asked.code, 3);
  EXPECT_NE(asked.err.find("--insecure"), std::string::npos) << asked.err;
  EXPECT_EQ(std::count(asked.err.begin(), asked.err.end(), '\n'), 1) << asked.err;
}

TEST_F(networked, a_killed_member_on_another_host_is_gone_within_a_second) {
  form(network::family::ipv4);
  const std::string victim = group.some_follower()->name();
  const auto from = counts();
  const auto killed = steady_clock::now();
  group.kill(victim);
  for (agent* one : group.agents()) {
    const event* told = one->await("view", agent::without(victim), 5s, from.at(one->name()));
    ASSERT_NE(told, nullptr) << one->name();
    EXPECT_LT(told->at - killed, 1s) << one->name();
    ASSERT_EQ(told->body["removed"].size(), 1u);
    EXPECT_EQ(told->body["removed"][0]["reason"], "crashed");
  }
}

// The leader hears everybody and is heard by nobody; nothing is refused.
TEST_F(networked, a_leader_that_nobody_hears_is_followed_and_comes_back) {
  form(network::family::ipv4);
  agent& old = *group.leader();
  const std::string before = old.incarnation();
  const auto from = counts();
  const auto cut = steady_clock::now();
  for (int i = 0; i < hosts; ++i) {
    if (i != number_of(old)) net.cut(number_of(old), i);
  }
  const event* leads = nullptr;
  const auto next_leads = [&] {
    for (agent* one : group.agents()) {
      if (one != &old && leads == nullptr)
        leads = one->first("leadership", agent::leading, from.at(one->name()));
    }
    return leads != nullptr;
  };
  ASSERT_TRUE(wait_for(next_leads, 10s));
  EXPECT_LT(leads->at - cut, 1s + silence + 1s) << "lease, silence, and some for a busy machine";
  // Healed earlier, it might come back before it is out.
  for (agent* one : group.agents()) {
    if (one == &old) continue;
    EXPECT_NE(one->await("view", agent::without(old.name()), 15s, from.at(one->name())), nullptr);
  }
  for (int i = 0; i < hosts; ++i) {
    if (i != number_of(old)) net.heal(number_of(old), i);
  }
  EXPECT_TRUE(wait_for([&] { return old.incarnation() != before; }, 20s));
  EXPECT_TRUE(group.wait_formed());
}

// What it has sent meanwhile is sent again by the kernel after 12.6 s, and then after 25.4.
TEST_F(networked, a_member_that_was_cut_off_for_long_comes_back_soon) {
  form(network::family::ipv4, 3);
  agent& away = *group.some_follower();
  const std::string before = away.incarnation();
  const auto to_others = [&](auto change) {
    for (int i = 0; i < 3; ++i) {
      if (i == number_of(away)) continue;
      change(number_of(away), i);
      change(i, number_of(away));
    }
  };
  const auto cut = steady_clock::now();
  to_others([&](int from, int to) { net.cut(from, to); });
  ASSERT_TRUE(wait_for([&] { return steady_clock::now() - cut > 14s; }, 20s));
  const auto healed = steady_clock::now();
  to_others([&](int from, int to) { net.heal(from, to); });
  EXPECT_TRUE(wait_for([&] { return away.incarnation() != before; }, 20s));
  EXPECT_TRUE(group.wait_formed());
  EXPECT_LT(steady_clock::now() - healed, 8s);
}

TEST_F(networked, an_agent_on_loopback_is_refused_beside_other_machines) {
  form(network::family::ipv4, 3);
  agent& stray = start(3, {});
  expect_refused(stray, "this agent advertises 127.0.0.1:");
  EXPECT_NE(stray.itself().err().find("give it --listen or --advertise"), std::string::npos);
  EXPECT_TRUE(group.wait_formed()) << "the group does not mind";
  for (agent* one : group.agents())
    EXPECT_EQ(one->first("evicted"), nullptr);
}

TEST_F(networked, an_agent_on_loopback_that_takes_the_lease_of_others_goes_again) {
  form(network::family::ipv4, 3);
  for (agent* one : group.agents())
    group.freeze(*one);
  store_connection store{group.store()};
  ASSERT_TRUE(wait_for(
      [&] { return store.number("SELECT expires_us FROM hedgerow_lease") < boot_time_us(); }, 5s));
  agent& stray = start(3, {});
  const bool led = stray.await("leadership", agent::leading, 10s) != nullptr;
  for (agent* one : group.agents())
    one->itself().signal(SIGCONT);
  ASSERT_TRUE(led);
  expect_refused(stray, "this agent advertises 127.0.0.1:");
  EXPECT_TRUE(group.wait_formed(30s));
}

}  // namespace
}  // namespace hedgerow::system_test
