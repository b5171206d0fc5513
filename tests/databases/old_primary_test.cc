// An old primary that comes back beside the promoted one, without a fence: what is not promised,
// and what still holds. docs/postgresql.md says the same.

#include <gtest/gtest.h>

#include "store/patience.h"
#include "tests/databases/failover.h"
#include "tests/databases/witness.h"

namespace hedgerow::databases_test {
namespace {

using postgres_test::wait_for;
using store::boot_now;

constexpr milliseconds lease_length{1000};
constexpr milliseconds patience{20'000};

TEST(old_primary, that_comes_back_does_not_lead_members_of_the_group_astray) {
  failover servers;
  acts record;
  auto a = start_node(node_options(servers.both(), "g", "a", lease_length));
  auto b = start_node(node_options(servers.both(), "g", "b", lease_length));
  witness all(record);
  all.watch(*a, 1);
  all.watch(*b, 2);
  const std::vector<std::string> two{"a", "b"};
  ASSERT_TRUE(wait_for([&] { return members_of(*a) == two && members_of(*b) == two; }, patience));
  const std::string epoch = servers.primary.psql("SELECT epoch FROM hedgerow_lease");
  servers.fail_over();
  ASSERT_TRUE(
      wait_for([&] { return servers.standby->psql("SELECT epoch FROM hedgerow_lease") != epoch; },
               patience));
  servers.primary.start();

  // A newcomer that asks the old primary first.
  auto c = start_node(node_options(servers.both(), "g", "c", lease_length));
  all.watch(*c, 3);
  const std::vector<std::string> three{"a", "b", "c"};
  EXPECT_TRUE(
      wait_for([&] { return members_of(*a) == three && members_of(*c) == three; }, patience))
      << "it finds the leader by the old row, and joins";
  const boot_time joined = boot_now();
  wait_for([&] { return boot_now() - joined > 2 * lease_length; }, patience);
  EXPECT_EQ(record.violations(), 0U) << record.told();
  EXPECT_EQ(members_of(*c), three) << "the leader's word keeps it from taking the old row";
  all.forget(*a);
  all.forget(*b);
  all.forget(*c);
}

}  // namespace
}  // namespace hedgerow::databases_test
