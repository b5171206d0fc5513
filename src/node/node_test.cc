#include <algorithm>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <hedgerow/node.h>

#include "net/net_fixture.h"

namespace hedgerow {
namespace {

std::uint64_t value_of(const std::vector<counter>& all, std::string_view name) {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const counter& c) { return c.name == name; });
  return at == all.end() ? ~std::uint64_t{0} : at->value;
}

TEST(node, counts_what_strangers_do) {
  const auto file = std::filesystem::path(testing::TempDir()) / "node_counters.db";
  std::filesystem::remove(file);
  options with;
  with.name = "ann";
  with.store = file;
  const auto started = node::start(with);
  ASSERT_TRUE(started) << started.error().message();
  node& one = **started;
  net::raw_socket noisy;
  noisy.connect(one.address());
  noisy.say("GET / HTTP/1.1\r\n\r\n");
  const boot_time deadline = net::boot_now() + seconds(20);
  while (value_of(one.counters(), "handshakes_malformed") == 0 && net::boot_now() < deadline)
    noisy.ended();
  const auto all = one.counters();
  EXPECT_EQ(value_of(all, "handshakes_malformed"), 1U);
  EXPECT_EQ(value_of(all, "connections_accepted"), 1U);
  std::set<std::string_view> names;
  for (const counter& each : all) {
    EXPECT_FALSE(each.name.empty());
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
  }
  one.stop();
  EXPECT_EQ(value_of(one.counters(), "handshakes_malformed"), 1U) << "they outlive the connections";
}

}  // namespace
}  // namespace hedgerow
