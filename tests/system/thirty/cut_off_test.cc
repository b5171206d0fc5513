// Item 8 of the thirty (docs/guarantees.md): a leader whose database is out of its reach says that
// it leads no more before its lease ends, so before another does. Processes on hosts of their own.

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/system/harness/networked_database.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

constexpr int database = networked_database::database;
constexpr int agents = 3;

using ways = std::vector<std::pair<int, int>>;  // packets from the one to the other are lost

struct loss {
  const char* name;
  ways (*of)(int leader);
};

// The answers only: a renewal may have been executed, and counts for nothing.
const loss losses[] = {{"of what it asks",
                        [](int leader) {
                          return ways{{leader, database}};
                        }},
                       {"of the answers",
                        [](int leader) {
                          return ways{{database, leader}};
                        }},
                       {"of everybody", [](int leader) {
                          ways all;
                          for (int other = 0; other <= agents; ++other)
                            if (other != leader)
                              all.insert(all.end(), {{leader, other}, {other, leader}});
                          return all;
                        }}};

// The events of agents and this are the same clock's, and sort as text.
std::string end_of_lease(networked_database& hosts) {
  std::string text = hosts.server().psql(
      "SELECT to_char(to_timestamp(expires_us / 1000000.0) AT TIME ZONE 'UTC',"
      " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM hedgerow_lease");
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

// When an agent, but for one, began to lead, by the events from these on; "" while none has.
std::string successor(const agent& old, const std::map<agent*, std::size_t>& from) {
  for (const auto& [one, count] : from) {
    if (one->name() == old.name()) continue;
    if (const event* leads = one->first("leadership", agent::leading, count))
      return leads->body["time"];
  }
  return {};
}

TEST(thirty, item_08_who_loses_its_database_says_so_before_its_lease_ends_and_another_leads) {
  if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root: run this test as root";
  networked_database hosts{agents};
  ASSERT_TRUE(hosts.ready());
  cluster group{"1s", hosts.url("?sslmode=disable"), same_clock};
  for (int i = 1; i <= agents; ++i)
    hosts.start(group, i);
  for (const loss& one : losses) {
    SCOPED_TRACE(one.name);
    ASSERT_TRUE(group.wait_formed());
    agent* old = group.leader();
    ASSERT_NE(old, nullptr);
    std::map<agent*, std::size_t> from;
    for (agent* each : group.agents())
      from[each] = each->count();
    const ways cut = one.of(networked_database::host_of(*old));
    for (const auto& [begin, end] : cut)
      hosts.net().cut(begin, end);
    // What was acknowledged to it ends no later.
    const std::string lease_ends = end_of_lease(hosts);

    const event* told = old->await(
        "leadership", [](const json& l) { return !l["leading"]; }, 5s, from[old]);
    ASSERT_NE(told, nullptr) << "it was cut off from any answer, and never knew";
    const std::string lost = told->body["time"];
    EXPECT_LT(lost, lease_ends);
    ASSERT_TRUE(wait_for([&] { return !successor(*old, from).empty(); }, 10s));
    EXPECT_LT(lost, successor(*old, from));
    EXPECT_EQ(old->first("leadership", agent::leading, from[old]), nullptr);
    for (const auto& [begin, end] : cut)
      hosts.net().heal(begin, end);
  }
  EXPECT_TRUE(group.wait_formed());
}

}  // namespace
}  // namespace hedgerow::system_test
