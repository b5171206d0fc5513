#include "net/address.h"

#include <gtest/gtest.h>

namespace hedgerow::net {
namespace {

TEST(address, reads_and_writes) {
  for (const char* text :
       {"127.0.0.1:7000", "[::1]:7000", "localhost:0", "node-1.internal:65535"}) {
    const auto parsed = parse_host_port(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(to_string(*parsed), text);
  }
  EXPECT_EQ(*parse_host_port("[::1]:80"), (host_port{"::1", 80}));
}

TEST(address, refuses_what_is_none) {
  for (const char* text :
       {"", "localhost", ":7000", "h:", "h:x", "h:1x", "h:-1", "h:65536", "h: 1", "::1:7000",
        "[::1]", "[]:1", "[::1:7000", "a:b:1", "[[]:1", "[a]]:1", "a b:1", "a\n:1"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
}

}  // namespace
}  // namespace hedgerow::net
