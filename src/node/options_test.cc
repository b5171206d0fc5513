#include <gtest/gtest.h>
#include <hedgerow/options.h>

namespace hedgerow {
namespace {

TEST(options, are_fine_as_they_come) {
  const auto found = options{}.validate();
  EXPECT_TRUE(found) << found.error().message();
}

TEST(options, take_no_name_that_does_not_fit) {
  options with;
  with.name = std::string(256, 'x');
  EXPECT_FALSE(with.validate());
  with.name = std::string(1, '\0');
  EXPECT_FALSE(with.validate());
  with.name = "ann";
  EXPECT_TRUE(with.validate());
  with.group = "";
  EXPECT_FALSE(with.validate()) << "there is no name to take for it";
}

}  // namespace
}  // namespace hedgerow
