#include "store/test_store.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace hedgerow::store {
namespace {

TEST(test_store, tells_a_child_that_fails_from_one_that_answers) {
  EXPECT_EQ(test_process([] { return std::string("fine"); }).answer(), "fine");
  const auto broken = [] {
    std::_Exit(3);
    return std::string();
  };
  EXPECT_EQ(test_process(broken).answer(), " (the child ended badly)");
}

}  // namespace
}  // namespace hedgerow::store
