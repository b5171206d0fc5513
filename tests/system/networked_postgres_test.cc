// A group on a database that is a host of its own, as people run it across machines.

#include <csignal>

#include <gtest/gtest.h>

#include "tests/postgres/server.h"
#include "tests/system/harness/cluster.h"
#include "tests/system/harness/network.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::postgres_server;

constexpr int database = 0;  // the host of it; agents are on 1, 2 and 3
constexpr int agents = 3;

class networked_postgres : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(net.ready());
    ASSERT_TRUE(inside(net.host(database), [this] {
      server = std::make_unique<postgres_server>(postgres_test::server_setup{.listen = "*"});
    }));
    server->set_hba("local all all trust\nhost all all all scram-sha-256");
  }
  std::string url(const std::string& parameters = "") const {
    return "postgres://owner@" + net.address(database) + ":" + std::to_string(server->port()) +
           "/app" + parameters;
  }
  process_setup on_host(int number, process_setup with) const {
    with.network_namespace = net.host(number);
    with.environment["PGPASSWORD"] = postgres_server::password("owner");
    return with;
  }
  agent& start(cluster& group, int number) {
    const std::string name(1, static_cast<char>('a' + number));
    const arguments more{"--listen", "0.0.0.0:0", "--insecure"};
    return group.start_with(name, on_host(number, group.agent_setup(name, more)));
  }
  outcome run(int number, arguments given) const {
    process_setup with;
    with.arguments = {HEDGEROW_COMMAND};
    with.arguments.insert(with.arguments.end(), given.begin(), given.end());
    return run_program(on_host(number, std::move(with)));
  }
  int host_of(const agent& one) const { return one.name()[0] - 'a'; }

  network net{agents + 1};
  std::unique_ptr<postgres_server> server;
};

TEST_F(networked_postgres, refuses_clear_text_unless_the_url_says_so) {
  const arguments tried{"agent", "--name", "x", "--clock", "declared:5ms", "--store"};
  arguments plain = tried;
  plain.push_back(url());
  const outcome refused = run(1, plain);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("SSL was required"), std::string::npos) << refused.err;
  plain.back() = url("?sslmode=prefer");
  const outcome fallen_back = run(1, plain);
  EXPECT_EQ(fallen_back.code, 1);
  EXPECT_NE(fallen_back.err.find("clear text"), std::string::npos) << fallen_back.err;
  cluster group{"1s", url("?sslmode=disable"), same_clock};
  start(group, 1);
  EXPECT_TRUE(group.wait_formed()) << "somebody has said so";
}

TEST_F(networked_postgres, carries_a_group_whose_leader_loses_it) {
  server->enable_tls();
  cluster group{"1s", url(), same_clock};
  for (int i = 1; i <= agents; ++i)
    start(group, i);
  ASSERT_TRUE(group.wait_formed());
  for (agent* one : group.agents())
    EXPECT_EQ(one->address().find(net.address(host_of(*one))), 0U)
        << "advertised is the address on the way to the database: " << one->address();
  EXPECT_EQ(server->psql("SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                         " WHERE usename = 'owner'"),
            "t\n");

  // From the leader alone: its members still hear it.
  agent& old = *group.leader();
  const std::size_t from = old.count();
  net.cut(host_of(old), database);
  EXPECT_NE(old.await(
                "leadership", [](const json& l) { return !l["leading"]; }, 4s, from),
            nullptr);
  ASSERT_TRUE(wait_for([&] { return group.leader() != nullptr; }, 6s));
  EXPECT_NE(group.leader()->name(), old.name());
  net.heal(host_of(old), database);
  EXPECT_TRUE(group.wait_formed());
  for (agent* one : group.agents())
    EXPECT_EQ(one->first("evicted"), nullptr) << one->name() << " was healthy all the time";
}

}  // namespace
}  // namespace hedgerow::system_test
