#include "net/ip.h"

#include <gtest/gtest.h>

namespace hedgerow::net {
namespace {

std::string read_back(const std::string& text) {
  const auto address = ip_address::parse(text);
  return address ? address->to_string() : "none";
}

TEST(ip, reads_addresses_and_nothing_else) {
  EXPECT_EQ(read_back("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(read_back("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(read_back("::1"), "::1");
  EXPECT_EQ(read_back("fd00:0:0::0001"), "fd00::1");
  EXPECT_EQ(read_back("::ffff:10.1.2.3"), "::ffff:10.1.2.3");
  EXPECT_EQ(read_back("fe80::1%lo"), "fe80::1%lo");
  EXPECT_EQ(read_back("fe80::1%99999"), "fe80::1%99999") << "an interface that is not there";
  for (const std::string& text :
       {std::string(), std::string("localhost"), std::string("127.1"), std::string("0x7f.0.0.1"),
        std::string("127.0.0.1 "), std::string("127.0.0.1%lo"), std::string("[::1]"),
        std::string("::1\0x", 5), std::string("127.0.0.1\0", 10), std::string("fe80::1%"),
        std::string("fe80::1%nowhere"), std::string("fe80::1%-1"), std::string(300, ':')})
    EXPECT_EQ(read_back(text), "none") << text;
}

TEST(ip, knows_what_addresses_mean) {
  const auto at = [](const char* text) { return *ip_address::parse(text); };
  EXPECT_EQ(unmapped(at("::ffff:10.1.2.3")), at("10.1.2.3"));
  EXPECT_EQ(unmapped(at("fd00::1")), at("fd00::1"));
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(at(text))) << text;
  for (const char* text : {"128.0.0.1", "0.0.0.0", "::", "::2", "::ffff:10.0.0.1"})
    EXPECT_FALSE(is_loopback(at(text))) << text;
  for (const char* text : {"0.0.0.0", "::", "::ffff:0.0.0.0"})
    EXPECT_TRUE(is_wildcard(at(text))) << text;
  EXPECT_FALSE(is_wildcard(at("0.0.0.1")));
  EXPECT_TRUE(is_link_local(at("fe80::1")));
  EXPECT_TRUE(is_link_local(at("fe80::1%lo")));
  EXPECT_FALSE(is_link_local(at("fd00::1")));
  EXPECT_FALSE(is_link_local(at("169.254.0.1")));
  EXPECT_EQ(ip_address::loopback(AF_INET), at("127.0.0.1"));
  EXPECT_EQ(ip_address::loopback(AF_INET6), at("::1"));
}

TEST(ip, gives_the_system_what_it_gives_back) {
  for (const char* text : {"127.0.0.1", "::1", "fe80::1%lo"}) {
    const endpoint there{*ip_address::parse(text), 7000};
    const socket_address raw(there);
    EXPECT_EQ(endpoint_of(raw.data()), there) << text;
  }
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_FALSE(endpoint_of(&other));
  EXPECT_FALSE(local_end(-1));
  EXPECT_FALSE(remote_end(-1));
}

}  // namespace
}  // namespace hedgerow::net
