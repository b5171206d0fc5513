#include "model/loopback.h"

#include <gtest/gtest.h>

namespace hedgerow {
namespace {

member at(const std::string& address, const std::string& machine) {
  member m;
  m.address = address;
  m.machine = machine;
  return m;
}

TEST(loopback, is_told_from_the_text_of_an_address) {
  for (const char* address :
       {"127.0.0.1:7000", "127.255.0.9:1", "127.1:7000", "[::1]:7000", "[::ffff:127.0.0.1]:7000",
        "[::FFFF:127.0.0.1]:7000", "localhost:7000", "LocalHost:7000", "localhost.:7000",
        "db.localhost:7000"})
    EXPECT_TRUE(is_loopback(address)) << address;
  for (const char* address :
       {"10.0.0.1:7000", "128.0.0.1:7000", "12.7.0.0:1", "[::]:7000", "[::2]:7000",
        "[fd00::1]:7000", "[::ffff:10.0.0.1]:7000", "127.example:7000", "127.0.0.1.example:7000",
        "localhost.example:7000", "mylocalhost:7000", "node-1:7000", "", ":", "[]:1", "[:1"})
    EXPECT_FALSE(is_loopback(address)) << address;
}

TEST(loopback, cuts_off_only_from_other_machines_that_are_known) {
  const member here = at("127.0.0.1:1", "m1");
  EXPECT_FALSE(cut_off(here, at("127.0.0.1:2", "m1")));
  EXPECT_FALSE(cut_off(here, at("10.0.0.1:2", "m1")));
  EXPECT_TRUE(cut_off(here, at("10.0.0.2:2", "m2")));
  EXPECT_TRUE(cut_off(at("10.0.0.2:2", "m2"), here));
  EXPECT_TRUE(cut_off(here, at("127.0.0.1:2", "m2")));
  EXPECT_FALSE(cut_off(at("10.0.0.1:2", "m1"), at("10.0.0.2:2", "m2")));
  EXPECT_FALSE(cut_off(here, at("10.0.0.2:2", "")));
  EXPECT_FALSE(cut_off(at("127.0.0.1:1", ""), at("10.0.0.2:2", "m2")));
}

TEST(loopback, the_words_name_the_agent_to_change) {
  EXPECT_EQ(why_cut_off("127.0.0.1:7000", "the leader 'a'", "10.0.0.1:7000"),
            "this agent advertises 127.0.0.1:7000, which members on other machines can't reach, "
            "such as the leader 'a' at 10.0.0.1:7000; give it --listen or --advertise with an "
            "address of the network");
  EXPECT_EQ(why_cut_off("10.0.0.2:7000", "the leader 'a'", "127.0.0.1:7000"),
            "the leader 'a' advertises 127.0.0.1:7000, which this agent can't reach from another "
            "machine; give that agent --listen or --advertise with an address of the network");
}

}  // namespace
}  // namespace hedgerow
