// A group on a database that is a host of its own, as people run it across machines.

#include <gtest/gtest.h>

#include "tests/system/harness/networked_database.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

constexpr int database = networked_database::database;
constexpr int agents = 3;

class networked_postgres : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(hosts.ready()); }

  networked_database hosts{agents};
};

TEST_F(networked_postgres, refuses_clear_text_unless_the_url_says_so) {
  const arguments tried{"agent", "--name", "x", "--clock", "declared:5ms", "--store"};
  arguments plain = tried;
  plain.push_back(hosts.url());
  const outcome refused = hosts.run(1, plain);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("SSL was required"), std::string::npos) << refused.err;
  plain.back() = hosts.url("?sslmode=prefer");
  const outcome fallen_back = hosts.run(1, plain);
  EXPECT_EQ(fallen_back.code, 1);
  EXPECT_NE(fallen_back.err.find("clear text"), std::string::npos) << fallen_back.err;
  cluster group{"1s", hosts.url("?sslmode=disable"), same_clock};
  hosts.start(group, 1);
  EXPECT_TRUE(group.wait_formed()) << "somebody has said so";
}

TEST_F(networked_postgres, carries_a_group_whose_leader_loses_it) {
  hosts.server().enable_tls();
  cluster group{"1s", hosts.url(), same_clock};
  for (int i = 1; i <= agents; ++i)
    hosts.start(group, i);
  ASSERT_TRUE(group.wait_formed());
  for (agent* one : group.agents())
    EXPECT_EQ(one->address().find(hosts.net().address(networked_database::host_of(*one))), 0U)
        << "advertised is the address on the way to the database: " << one->address();
  EXPECT_EQ(
      hosts.server().psql("SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                          " WHERE usename = 'owner'"),
      "t\n");

  // From the leader alone: its members still hear it.
  agent& old = *group.leader();
  const std::size_t from = old.count();
  hosts.net().cut(networked_database::host_of(old), database);
  EXPECT_NE(old.await(
                "leadership", [](const json& l) { return !l["leading"]; }, 4s, from),
            nullptr);
  ASSERT_TRUE(wait_for([&] { return group.leader() != nullptr; }, 6s));
  EXPECT_NE(group.leader()->name(), old.name());
  hosts.net().heal(networked_database::host_of(old), database);
  EXPECT_TRUE(group.wait_formed());
  for (agent* one : group.agents())
    EXPECT_EQ(one->first("evicted"), nullptr) << one->name() << " was healthy all the time";
}

}  // namespace
}  // namespace hedgerow::system_test
