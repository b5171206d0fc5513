#include "net/machine.h"

#include <gtest/gtest.h>

namespace hedgerow::net {
namespace {

TEST(machine, is_a_hash_that_never_changes) {
  EXPECT_EQ(machine_of("", 0), "07d69607b49d290a");
  EXPECT_EQ(machine_of("d5e3c1a0-0000-4000-8000-000000000001", 4026531840), "19ebcc2b34640a50");
}

TEST(machine, is_a_kernel_and_a_network_namespace) {
  EXPECT_NE(machine_of("a", 1), machine_of("b", 1));
  EXPECT_NE(machine_of("a", 1), machine_of("a", 2));
  EXPECT_NE(machine_of("a1", 1), machine_of("a", 11));
  EXPECT_EQ(this_machine().size(), 16U);
  EXPECT_EQ(this_machine(), this_machine());
}

}  // namespace
}  // namespace hedgerow::net
