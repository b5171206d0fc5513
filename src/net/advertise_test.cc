#include "net/advertise.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace hedgerow::net {
namespace {

endpoint bound(const char* host, std::uint16_t port = 7000) {
  return {*ip_address::parse(host), port};
}

std::string text_of(const result<std::string>& outcome) {
  return outcome ? *outcome : "refused: " + outcome.error().message();
}

TEST(advertise, is_where_it_listens_unless_told) {
  EXPECT_EQ(text_of(advertised("", "", bound("127.0.0.1"))), "127.0.0.1:7000");
  EXPECT_EQ(text_of(advertised("", "", bound("10.1.2.3"))), "10.1.2.3:7000");
  EXPECT_EQ(text_of(advertised("", "", bound("fd00::1"))), "[fd00::1]:7000");
  EXPECT_EQ(text_of(advertised("", "", bound("::ffff:10.1.2.3"))), "10.1.2.3:7000");
}

TEST(advertise, of_a_wildcard_is_the_way_to_the_database) {
  EXPECT_EQ(text_of(advertised("", "", bound("0.0.0.0"))), "127.0.0.1:7000");
  EXPECT_EQ(text_of(advertised("", "", bound("::"))), "[::1]:7000");
  EXPECT_EQ(text_of(advertised("", "127.0.0.9:5432", bound("0.0.0.0"))), "127.0.0.1:7000");
  EXPECT_EQ(text_of(advertised("", "127.0.0.9:5432", bound("::"))), "127.0.0.1:7000");
  EXPECT_EQ(text_of(advertised("", "[::1]:5432", bound("::"))), "[::1]:7000");
  for (const std::string& target :
       {std::string("[::1]:5432"), std::string("nowhere"), std::string(300, 'x') + ":5432"}) {
    const auto none = advertised("", target, bound("0.0.0.0"));
    ASSERT_FALSE(none) << *none;
    EXPECT_EQ(none.error().code, errc::invalid_argument);
    EXPECT_NE(none.error().message().find("--advertise"), std::string::npos) << target;
  }
}

TEST(advertise, is_what_was_wished) {
  const auto at = bound("0.0.0.0");
  EXPECT_EQ(text_of(advertised("10.0.0.1", "", at)), "10.0.0.1:7000");
  EXPECT_EQ(text_of(advertised("10.0.0.1:80", "", at)), "10.0.0.1:80");
  EXPECT_EQ(text_of(advertised("[fd00:0:0::1]", "", at)), "[fd00::1]:7000");
  EXPECT_EQ(text_of(advertised("[fd00::1]:80", "", at)), "[fd00::1]:80");
  EXPECT_EQ(text_of(advertised("Node-1.internal", "", at)), "Node-1.internal:7000");
  EXPECT_EQ(text_of(advertised("node_1:80", "", at)), "node_1:80");
}

TEST(advertise, is_refused_where_nobody_could_dial_it) {
  const std::pair<std::string, const char*> bad[] = {{"0.0.0.0", "every address"},
                                                     {"[::]:7000", "every address"},
                                                     {"[::ffff:0.0.0.0]", "every address"},
                                                     {"10.0.0.1:0", "port 0"},
                                                     {"node:0", "port 0"},
                                                     {"[fe80::1]", "link-local"},
                                                     {"[fe80::1%lo]:7000", "zone"},
                                                     {"fe80::1", "brackets"},
                                                     {"::1", "brackets"},
                                                     {":7000", "host:port"},
                                                     {"[", "host:port"},
                                                     {"a b", "not an address"},
                                                     {"a/b:1", "neither"},
                                                     {std::string("a\0b", 3), "not an address"},
                                                     {"node:70000", "host:port"},
                                                     {std::string(300, 'n'), "host:port"}};
  for (const auto& [wish, words] : bad) {
    const auto refused = advertised(wish, "", bound("0.0.0.0"));
    ASSERT_FALSE(refused) << wish << " is " << *refused;
    EXPECT_EQ(refused.error().code, errc::invalid_argument);
    EXPECT_NE(refused.error().message().find(words), std::string::npos)
        << refused.error().message();
  }
  EXPECT_FALSE(advertised("", "", bound("fe80::1")));
}

TEST(advertise, finds_the_local_address_of_a_route) {
  EXPECT_EQ(local_address_towards("127.0.0.1:1", AF_UNSPEC)->to_string(), "127.0.0.1");
  EXPECT_EQ(local_address_towards("[::1]:1", AF_INET6)->to_string(), "::1");
  EXPECT_EQ(local_address_towards("localhost:1", AF_INET)->to_string(), "127.0.0.1");
  EXPECT_FALSE(local_address_towards("[::1]:1", AF_INET));
}

}  // namespace
}  // namespace hedgerow::net
