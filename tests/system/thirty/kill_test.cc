// A leader that is killed at any statement. lease.md 9, item 14.

#include <csignal>
#include <mutex>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/postgres/at_once.h"
#include "tests/system/thirty/every_statement.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;
using postgres_test::postgres_server;

constexpr auto lease_length = 500ms;
constexpr auto patience = 15s;

std::int64_t greatest_token(agent& one) {
  std::int64_t greatest = 0;
  for (const event& e : one.events()) {
    if (e.body["event"] == "leadership")
      greatest = std::max(greatest, e.body["token"].get<std::int64_t>());
  }
  return greatest;
}

// `a` leads or tries to, `b` joins, `a` is asked to go; somewhere on the way it is killed. What is
// wrong with what follows, empty if nothing.
std::string killed_life(two_agents& two) {
  agent& a = two.start_a();
  wait_for([&] { return a.leads() || two.struck(); }, patience);
  agent& b = two.start_b();
  wait_for([&] { return two.group.wait_formed(0ms) || two.struck(); }, patience);
  if (!two.struck()) a.itself().signal(SIGTERM);
  if (!a.itself().wait_exit(patience)) return "a does not end";
  a.itself().finish_reading();
  const event* follows = b.await("leadership", agent::leading, patience);
  if (follows == nullptr) return "nobody leads";
  const std::int64_t token = follows->body["token"];
  if (token <= greatest_token(a)) return "the token does not grow";
  if (!wait_for([&] { return b.members() == std::vector<std::string>{"b"}; }, patience))
    return "a stays in the view";
  if (!two.struck()) return {};
  const bool led = a.first("leadership", agent::leading) != nullptr;
  if (led && follows->at < two.struck_at()) return "b led before a was killed";
  const event* ready = b.first("ready");
  // Before the first row nobody may act for a lease (R8).
  const auto from = std::max(two.struck_at(), ready->at);
  const auto without = std::chrono::duration_cast<milliseconds>(follows->at - from);
  if (without > (led ? 1 : 2) * lease_length + 1s)
    return fmt::format("nobody led for {} ms", without.count());
  return {};
}

TEST(thirty, item_14_a_leader_that_is_killed_at_any_statement_is_followed_within_its_lease) {
  postgres_server server;
  server.set("log_min_messages", "fatal");
  two_agents whole(server, "whole", "500ms", {}, SIGKILL);
  ASSERT_EQ(killed_life(whole), "");
  const auto moments = moments_of(whole.proxy.requests());
  EXPECT_GE(moments.size(), 20U) << "settings, tables, lease and views";
  std::mutex lock;
  std::size_t struck = 0;
  postgres_test::at_once(12, moments.size(), [&](std::size_t k) {
    two_agents two(server, fmt::format("kill{}", k), "500ms", moments[k], SIGKILL);
    const std::string trouble = killed_life(two);
    const std::lock_guard hold(lock);
    if (two.struck()) ++struck;
    EXPECT_EQ(trouble, "") << in_short(moments[k]);
  });
  std::printf("%zu moments, %zu met\n", moments.size(), struck);
  EXPECT_GE(struck, moments.size() * 9 / 10) << "else too few were met to show anything";
}

}  // namespace
}  // namespace hedgerow::system_test
